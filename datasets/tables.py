"""Your own data in memory, as a `Dataset`; `marquee data import` reads the same files in batches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from core import columns as c
from core.errors import DatasetError
from core.events import ClockRule
from core.items import complete
from datasets.catalogue_file import ItemFile, read_item_file
from datasets.contract import ANY_TIME, Seen
from datasets.dataset import Dataset, ValidationReport
from datasets.interactions import EVENTS, ImportCatalogue, InteractionFile, Reading
from datasets.mapping import EVENT_FIELDS, EVENT_OPTIONAL, ITEM_FIELDS, ITEM_OPTIONAL
from datasets.quarantine import SCHEMA, Quarantine
from datasets.sources import SourceFile


class _Kept(Quarantine):
    """A quarantine that keeps its rows in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = SCHEMA.to_frame()

    def add(self, rows: pl.DataFrame) -> None:
        super().add(rows)
        self.rows = pl.concat([self.rows, rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())])


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
    source = SourceFile(interactions)
    of_items = {name: theirs for name, theirs in names.items() if name in (*ITEM_FIELDS, *ITEM_OPTIONAL)}
    films, unusable = _films(items, of_items, item_keys)
    of_events = {name: theirs for name, theirs in names.items() if name in (*EVENT_FIELDS, *EVENT_OPTIONAL)}
    file = InteractionFile(source, Reading(names=of_events))
    quarantine = _Kept()
    batches = list(file.read(ImportCatalogue(films.rows[c.ITEM], films.keys), quarantine, Seen(), clock))
    events = pl.concat([batch.events for batch in batches]) if batches else pl.DataFrame(schema=dict.fromkeys(EVENTS, pl.Null))
    report = ValidationReport(
        read=sum(batch.read for batch in batches) + quarantine.broken,
        kept=len(events),
        users=events[c.USER].n_unique(),
        items=len(films.rows),
        reasons=dict(quarantine.reasons + unusable.reasons),
    )
    if events.is_empty():
        raise DatasetError(f"{file.source.name}: no usable interaction: " + "; ".join(report.lines()))
    refuse_bad_share(file.source.name, quarantine, report.read, max_bad_share)
    return Dataset(interactions.stem, events, with_titles(films.rows, films.keys), quarantine.rows, report, item_ids=films.keys)


def read_items(
    path: Path, mapping: Mapping[str, str] | None = None, item_keys: Mapping[str, int] | None = None
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """Read items alone: every column of `core.items.ITEM_SCHEMA`, by ascending key, and the keys of the ids.

    Raises DatasetError that names the rows with a missing, bad or repeated id.
    """
    films, unusable = _films(path, mapping or {}, item_keys)
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


def _films(path: Path, names: Mapping[str, str], known: Mapping[str, int] | None) -> tuple[ItemFile, Quarantine]:
    quarantine = Quarantine()
    films = read_item_file(SourceFile(path), names, known or {}, quarantine)
    if films.rows.is_empty():
        raise DatasetError(f"{path.name}: the catalogue is empty, so there is nothing to recommend" + "".join(quarantine.lines()))
    return films, quarantine


def _checked(names: Mapping[str, str]) -> Mapping[str, str]:
    allowed = dict.fromkeys((*EVENT_FIELDS, *EVENT_OPTIONAL, *ITEM_FIELDS, *ITEM_OPTIONAL))
    unknown = sorted(set(names) - set(allowed))
    if unknown:
        raise DatasetError(f"the mapping names {', '.join(unknown)}; Marquee's columns are {', '.join(allowed)}")
    return names
