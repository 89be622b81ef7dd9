"""What the lake holds and where it came from. Data goes in by adding; it goes out only when somebody says `--replace`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from app import wiring
from core import columns as c
from core.ports import Echo
from core.progress import watched
from core.settings import Settings
from core.words import counted
from datasets.contract import FINGERPRINTS, IDENTITY, fingerprints
from datasets.registry import BUNDLED_NAMES
from datasets.splits import in_time_order
from lake import tables
from lake.ports import FileLake

HELD_OUT = "held_out.parquet"  # the newest events, kept back so that the demo can replay what really came next
_CORRECTED = (c.KIND, c.VALUE, c.TS)  # of an event that is there already
MARKER = "dataset"  # says what was loaded or imported
_SCHEMA = pl.Schema((name, kind) for name, kind in tables.SCHEMAS[tables.INTERACTIONS].items() if name != c.DAY)


@dataclass(frozen=True)
class Content:
    """How much is in the lake."""

    imported: int
    streamed: int
    users: int
    items: int

    @property
    def empty(self) -> bool:
        return not (self.imported or self.streamed or self.items)

    def __str__(self) -> str:
        return (
            f"{self.imported:,} imported and {counted(self.streamed, 'streamed event')} of {counted(self.users, 'user')}, "
            f"{counted(self.items, 'item')}"
        )


def content(settings: Settings) -> Content:
    """Counted without reading the whole table into memory, however large it is."""
    lake = wiring.lake(settings)
    items = len(lake.read(tables.ITEMS)) if lake.version(tables.ITEMS) >= 0 else 0
    imported = pl.col(c.OFFSET) < 0
    counts = _events(lake).select(imported.sum(), (~imported).sum().alias("streamed"), pl.col(c.USER).n_unique())
    found, streamed, users = map(int, counts.collect(engine="streaming").row(0))
    return Content(found, streamed, users, items)


def known_events(settings: Settings, own_ids: bool, held_out_too: bool) -> pl.DataFrame:
    """The `FINGERPRINTS` of every event that the lake holds, streamed ones included, and of those held out if they stay out."""
    frames = [_events(wiring.lake(settings)), *([held_out(settings).lazy()] if held_out_too else [])]
    parts = [one.select(fingerprints(own_ids)).collect(engine="streaming") for one in frames]
    return pl.concat([FINGERPRINTS.to_frame(), *parts])


def held_out(settings: Settings) -> pl.DataFrame:
    """The events kept back when the data was loaded, in time order; empty if none."""
    path: Path = settings.folder("lake") / HELD_OUT
    if not path.is_file():
        return _SCHEMA.to_frame()
    return tables.widened(tables.INTERACTIONS, pl.read_parquet(path)).drop(c.DAY)  # an older home lacks a column


def add_events(settings: Settings, parts: Iterable[pl.DataFrame], from_ts: float) -> tuple[int, int]:
    """Append new events, one append a part; those at `from_ts` (Unix seconds) or later are held out for replay instead.

    Returns how many were added and how many held out. Every append is whole or not at all, and a run that was broken off is
    completed by the next one, which adds only what is not there. Raises StorageFull.
    """
    lake = wiring.lake(settings)
    added, kept_back = 0, [held_out(settings)]
    for part in parts:
        now = part.filter(pl.col(c.TS) < from_ts)
        if len(now):
            lake.append(tables.INTERACTIONS, now)
            added += len(now)
        kept_back.append(part.filter(pl.col(c.TS) >= from_ts))
    if lake.version(tables.INTERACTIONS) < 0:
        lake.append(tables.INTERACTIONS, _SCHEMA.to_frame())
    elif added:
        lake.compact(tables.INTERACTIONS)
    _hold_out(settings, pl.concat(kept_back, how="diagonal_relaxed"))
    return added, sum(len(part) for part in kept_back[1:])


def correct_events(settings: Settings, parts: Iterable[pl.DataFrame], own_ids: bool) -> None:
    """Give events that are there, or held out, the kind, value and time that these rows say. Raises StorageFull."""
    lake = wiring.lake(settings)
    for part in parts:
        brought = part.select(fingerprints(own_ids)[0], *(pl.col(name).alias(f"new {name}") for name in _CORRECTED))

        def corrected(events: pl.LazyFrame, brought: pl.DataFrame = brought) -> pl.DataFrame:
            found = events.with_columns(fingerprints(own_ids)[0]).join(brought.lazy(), on=IDENTITY, how="inner")
            spoken = [pl.col(f"new {name}").alias(name) for name in _CORRECTED]
            return found.with_columns(spoken).select(_SCHEMA.names()).collect(engine="streaming")

        rows = corrected(_events(lake))
        if len(rows):
            lake.upsert(tables.INTERACTIONS, rows, [c.EVENT_ID])
        kept_back = held_out(settings)
        rows = corrected(kept_back.lazy())
        if len(rows):
            others = kept_back.filter(~pl.col(c.EVENT_ID).is_in(rows[c.EVENT_ID].implode()))
            _hold_out(settings, pl.concat([others, rows]))


def empty(settings: Settings, echo: Echo) -> None:
    """Take everything out that the lake holds, and forget the online features of its users; earlier versions keep the rows."""
    lake = wiring.lake(settings)
    users = _events(lake).select(pl.col(c.USER).unique()).collect(engine="streaming").to_series().to_list()
    for table in (tables.INTERACTIONS, tables.IMPRESSIONS, tables.LISTS, tables.ITEMS, tables.TAGS, tables.USERS):
        if lake.version(table) >= 0:
            lake.replace(table, pl.DataFrame(schema=tables.SCHEMAS[table]))
    (settings.folder("lake") / HELD_OUT).unlink(missing_ok=True)
    if features_were_made(settings):
        store = wiring.features(settings)
        for user in watched(users, "forgetting features"):
            store.erase(user)
        store.close()
    features_made(settings, None)
    mark(settings, name="", digest="", source="", since=lake.version(tables.INTERACTIONS))
    echo(f"the lake is empty: the events of {counted(len(users), 'user')} and all items were taken out")


def _events(lake: FileLake) -> pl.LazyFrame:
    files = lake.files(tables.INTERACTIONS) if lake.version(tables.INTERACTIONS) >= 0 else []
    if not files:
        return _SCHEMA.to_frame().lazy()
    return pl.scan_parquet(files, schema=_SCHEMA, missing_columns="insert", extra_columns="ignore")


def _hold_out(settings: Settings, rows: pl.DataFrame) -> None:
    """Keep rows back for replay, none that the lake has, and each once: as the later row says."""
    if rows.is_empty():
        (settings.folder("lake") / HELD_OUT).unlink(missing_ok=True)
        return
    known = known_events(settings, own_ids=False, held_out_too=False)[IDENTITY]
    each = rows.select(fingerprints(False))[IDENTITY]
    out = rows.filter(~each.is_in(known.implode()) & each.is_last_distinct())
    in_time_order(out).write_parquet(settings.folder("lake") / HELD_OUT)


# --- what was done with it -------------------------------------------------------------------------------------------------


def marked(settings: Settings) -> dict[str, Any]:
    """Where the data came from: name, digest, hold_out, source (load or import), and since which version it is there."""
    marker = settings.folder("lake") / MARKER
    return dict(json.loads(marker.read_text())) if marker.is_file() else {}


def mark(settings: Settings, **values: object) -> None:
    """Remember more of it."""
    marker = settings.folder("lake") / MARKER
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps({**marked(settings), **values}))


def loaded_name(settings: Settings) -> str | None:
    """The name of the data in the lake, or None."""
    return marked(settings).get("name") or None


def was_loaded(settings: Settings) -> bool:
    """Whether the data came from `data load` and not from people's own files."""
    known = marked(settings)
    return bool(known.get("name")) and known.get("source", "load" if known["name"] in BUNDLED_NAMES else "import") == "load"


def loaded_digest(settings: Settings) -> str | None:
    """The digest of the data in the lake, or None."""
    return marked(settings).get("digest") or None


def features_were_made(settings: Settings) -> bool:
    """Whether `init` or `demo` made the users' features, of the data that is there."""
    return _materialized(settings).is_file()


def features_made(settings: Settings, version: int | None) -> None:
    """Remember from which version of the events; None: they have to be made anew."""
    if version is None:
        _materialized(settings).unlink(missing_ok=True)
    else:
        _materialized(settings).write_text(str(version))


def _materialized(settings: Settings) -> Path:
    return settings.folder("feast") / "materialized"
