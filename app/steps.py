"""The steps from raw data to a live release. Each says what it did, and does nothing when it was done before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from app import wiring
from core import columns as c
from core import lake as tables
from core.catalogue import Catalogue
from core.datasets.dataset import Dataset
from core.datasets.splits import before, cutoff, in_time_order
from core.errors import NotFound
from core.settings import Settings

HELD_OUT = "held_out.parquet"  # the newest events, kept back so that the demo can replay what really came next
MARKER = "dataset"  # names what was loaded
Say = Callable[[str], None]


@dataclass(frozen=True)
class Stored:
    """What is in the lake."""

    interactions: pl.DataFrame
    catalogue: Catalogue
    data_version: dict[str, int]


def load_data(settings: Settings, dataset: Dataset, hold_out: float, say: Say) -> None:
    """Write a checked data set to the lake. Its last `hold_out` share by time stays out, for replay.

    Loading another data set replaces the one that is there; loading the same one again changes nothing.
    """
    lake = wiring.lake(settings)
    marker = settings.folder("lake") / MARKER
    wanted = json.dumps({"name": dataset.name, "digest": dataset.digest, "hold_out": hold_out})
    if marker.is_file() and marker.read_text() == wanted:
        say(f"the lake has {dataset.name} already ({dataset.digest})")
        return
    cut = cutoff(dataset.interactions, 1 - hold_out) if hold_out else float("inf")
    kept = before(dataset.interactions, cut)
    lake.replace(tables.ITEMS, dataset.items)
    lake.replace(tables.INTERACTIONS, kept)
    in_time_order(dataset.interactions.filter(pl.col(c.TS) >= cut)).write_parquet(settings.folder("lake") / HELD_OUT)
    if len(dataset.quarantined):
        path = settings.folder("lake") / f"quarantine-{dataset.name}.parquet"
        dataset.quarantined.write_parquet(path)
        say(f"quarantined rows are in {path}")
    marker.write_text(wanted)
    say(f"lake: {len(kept):,} interactions, {len(dataset.items):,} items; {len(dataset.interactions) - len(kept):,} held out")


def loaded_name(settings: Settings) -> str | None:
    """The name of the data set in the lake, or None."""
    marker = settings.folder("lake") / MARKER
    return str(json.loads(marker.read_text())["name"]) if marker.is_file() else None


def stored(settings: Settings) -> Stored:
    """Everything that training and materialisation read. Raises NotFound when nothing was loaded."""
    lake = wiring.lake(settings)
    versions = {table: lake.version(table) for table in (tables.INTERACTIONS, tables.ITEMS)}
    if min(versions.values()) < 0:
        raise NotFound("there is no data yet; load the bundled films with `marquee data load`")
    interactions = lake.read(tables.INTERACTIONS, versions[tables.INTERACTIONS])
    return Stored(interactions, Catalogue.from_frame(lake.read(tables.ITEMS, versions[tables.ITEMS])), versions)


def held_out(settings: Settings) -> pl.DataFrame:
    """The events kept back when the data was loaded, in time order; empty if none."""
    path: Path = settings.folder("lake") / HELD_OUT
    return pl.read_parquet(path) if path.is_file() else pl.DataFrame(schema=tables.SCHEMAS[tables.INTERACTIONS])


class Timed:
    """Prints what each step did and how long it took."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.seconds: dict[str, float] = {}

    def step(self, name: str, work: Callable[[Say], None]) -> None:
        self._say(f"[bold]{name}[/]")
        start = time.perf_counter()
        work(lambda line: self._say(f"  {line}"))
        self.seconds[name] = time.perf_counter() - start
        self._say(f"  [dim]{self.seconds[name]:.1f} s[/]")
