"""Your own data in memory, as a `Dataset`; `marquee data import` reads the same files in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from core import columns as c
from core.errors import DatasetError
from core.events import ClockRule
from core.items import complete
from datasets.catalogue_file import read_item_file
from datasets.contract import ANY_TIME, Seen
from datasets.dataset import Dataset, ValidationReport
from datasets.interactions import EVENTS, ImportCatalogue, InteractionFile, Reading
from datasets.mapping import EVENT_FIELDS, EVENT_OPTIONAL, ITEM_FIELDS, ITEM_OPTIONAL
from datasets.quarantine import SCHEMA, Quarantine
from datasets.sources import SourceFile
from datasets.user_file import read_user_file


class _Kept(Quarantine):
    """A quarantine that keeps its rows in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = SCHEMA.to_frame()

    def add(self, rows: pl.DataFrame) -> None:
        super().add(rows)
        self.rows = pl.concat([self.rows, rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())])


@dataclass(frozen=True)
class Files:
    """Files of one data set, and what a person specifies about them; without `items` whatever an event names is an item."""

    interactions: Path
    items: Path | None = None
    users: Path | None = None
    reading: Reading = field(default_factory=Reading)
    item_names: Mapping[str, str] = field(default_factory=dict)
    user_names: Mapping[str, str] = field(default_factory=dict)
    max_bad: float = 0.05


def read_files(
    files: Files,
    item_keys: Mapping[str, int] | None = None,
    clock: ClockRule = ANY_TIME,
    now: float = 0.0,
    report_line: Callable[[str], object] = lambda _: None,
) -> Dataset:
    """Read and check a data set; `report_line` gets how its columns were interpreted, line by line.

    Ids that are not whole numbers keep the key that `item_keys` has for them, and the others get one. Raises DatasetError.
    """
    source, unusable, quarantine = files.reading.open(files.interactions), Quarantine(), _Kept()
    file = InteractionFile(source, files.reading)
    films = read_item_file(files.reading.open(files.items), files.item_names, item_keys or {}, unusable) if files.items else None
    if films is not None and films.rows.is_empty():
        raise DatasetError(_no_catalogue(films.source.name, unusable))
    catalogue = ImportCatalogue(films.rows[c.ITEM], films.keys) if films else ImportCatalogue(None, item_keys or {})
    batches = list(file.read(catalogue, quarantine, Seen(), clock, now))
    people = read_user_file(files.reading.open(files.users), files.user_names, unusable) if files.users else None
    for part in (file, films, people):
        for line in part.lines() if part is not None else ():
            report_line(line)
    events = pl.concat([batch.events for batch in batches]) if batches else pl.DataFrame(schema=dict.fromkeys(EVENTS, pl.Null))
    items = films.rows if films else events.select(pl.col(c.ITEM).unique())
    report = ValidationReport(
        read=sum(batch.read for batch in batches) + quarantine.broken,
        kept=len(events),
        users=events[c.USER].n_unique(),
        items=len(items),
        reasons=dict(quarantine.reasons + unusable.reasons),
    )
    if events.is_empty():
        raise DatasetError(f"{source.name}: no usable interaction: " + "; ".join(report.lines()))
    refuse_bad_share(source.name, quarantine, report.read, files.max_bad)
    return Dataset(
        files.interactions.stem,
        events,
        with_titles(items, catalogue.item_keys),
        quarantine.rows,
        report,
        users=people.rows if people else None,
        item_ids=catalogue.item_keys,
        has_time=file.has_time,
    )


def read_tables(
    interactions: Path,
    items: Path,
    mapping: Mapping[str, str] | None = None,
    max_bad_share: float = 0.05,
    item_keys: Mapping[str, int] | None = None,
    clock: ClockRule = ANY_TIME,
) -> Dataset:
    """Read and check events and items. `mapping` is Marquee's column name -> the file's, for names that differ.

    For how columns are interpreted see `datasets.interactions`. Raises DatasetError.
    """
    names = _checked(mapping or {})
    of_items = {name: theirs for name, theirs in names.items() if name in (*ITEM_FIELDS, *ITEM_OPTIONAL)}
    of_events = {name: theirs for name, theirs in names.items() if name in (*EVENT_FIELDS, *EVENT_OPTIONAL)}
    files = Files(interactions, items, reading=Reading(names=of_events), item_names=of_items, max_bad=max_bad_share)
    return read_files(files, item_keys, clock)


def read_items(
    path: Path, mapping: Mapping[str, str] | None = None, item_keys: Mapping[str, int] | None = None
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """Read items alone: every column of `core.items.ITEM_SCHEMA`, by ascending key, and the keys of the ids.

    Raises DatasetError that names the rows with a missing, bad or repeated id.
    """
    unusable = Quarantine()
    films = read_item_file(SourceFile(path), mapping or {}, item_keys or {}, unusable)
    if films.rows.is_empty():
        raise DatasetError(_no_catalogue(path.name, unusable))
    if unusable.reasons:
        raise DatasetError(f"{path.name}: " + "; ".join(line.strip() for line in unusable.lines()))
    return with_titles(films.rows, films.keys), films.keys


def with_titles(items: pl.DataFrame, keys: Mapping[str, int]) -> pl.DataFrame:
    """New items with all columns: a missing title becomes the id, and missing genres become an empty list."""
    ids = {key: id_ for id_, key in keys.items()}
    names = pl.Series([ids.get(key, str(key)) for key in items[c.ITEM]], dtype=pl.String)
    return complete(items).with_columns(pl.col(c.TITLE).fill_null(names), pl.col(c.GENRES).fill_null([])).sort(c.ITEM)


def refuse_bad_share(name: str, quarantine: Quarantine, read: int, allowed: float) -> None:
    """Raises DatasetError when more than `allowed` of the rows read are bad."""
    share = quarantine.bad / read if read else 0.0
    if share > allowed:
        where = f"; all of them are in {quarantine.path}" if quarantine.path else ""
        raise DatasetError(
            f"{name}: {share:.1%} of the rows are bad, more than the {allowed:.0%} that --max-bad allows: "
            + "; ".join(line.strip() for line in quarantine.lines())
            + where
        )


def _no_catalogue(name: str, unusable: Quarantine) -> str:
    return f"{name}: the catalogue is empty, so there is nothing to recommend" + "".join(unusable.lines())


def _checked(names: Mapping[str, str]) -> Mapping[str, str]:
    allowed = dict.fromkeys((*EVENT_FIELDS, *EVENT_OPTIONAL, *ITEM_FIELDS, *ITEM_OPTIONAL))
    unknown = sorted(set(names) - set(allowed))
    if unknown:
        raise DatasetError(f"the mapping names {', '.join(unknown)}; Marquee's columns are {', '.join(allowed)}")
    return names
