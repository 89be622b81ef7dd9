"""What `marquee evaluate` compares models on: a data set by name, a MovieLens zip, any file of events, or the lake itself."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from app import wiring
from app.usecases import steps
from core import columns as c
from core.errors import InvalidInput
from core.ports import Echo
from core.settings import Settings
from datasets.dataset import Dataset, ValidationReport
from datasets.positions import are_positions
from datasets.registry import locate, read_any
from datasets.tables import Files, read_files
from lake import tables

LAKE = "lake"


def judged_data(settings: Settings, files: Files, echo: Echo) -> Dataset:
    """`files.interactions` is a name, `lake`, or a path. Nothing is written, and ids get keys for this run only.

    Raises InvalidInput for flags about files without such a file, NotFound and DatasetError.
    """
    name = str(files.interactions)
    if name == LAKE:
        _refuse_flags(files)
        return _of_lake(settings)
    path = locate(name, settings.folder("datasets"))
    if _is_zip(path):
        _refuse_flags(files)
        return read_any(name, settings.folder("datasets"))
    found = read_files(replace(files, interactions=path), clock=wiring.clock_rule(settings), now=time.time(), report_line=echo)
    for line in found.report.lines():
        echo(line)
    return found


def _is_zip(path: Path) -> bool:
    """By its name or its first bytes, so that a truncated zip is reported as one."""
    with path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(2) == b"PK"


def _refuse_flags(files: Files) -> None:
    """A flag that would do nothing is a misunderstanding. Raises InvalidInput."""
    if files != Files(files.interactions):
        raise InvalidInput(
            "--dataset",
            str(files.interactions),
            "a file of events, where --items, --users, --map or another flag says how to read it",
        )


def _of_lake(settings: Settings) -> Dataset:
    """What training would read now; events that are held out for replay are not in it. Raises NotFound."""
    found, lake = steps.stored(settings), wiring.lake(settings)
    events = found.interactions
    report = ValidationReport(len(events), len(events), events[c.USER].n_unique(), len(found.catalogue), {})
    items = lake.read(tables.ITEMS, found.data_version[tables.ITEMS])
    users, has_time = tables.read_or_empty(lake, tables.USERS), not are_positions(events[c.TS].to_numpy())
    return Dataset(LAKE, events, items, events.clear(), report, found.tags, users, has_time=has_time)
