"""Writing what an import read, after all of it was judged.

The order is: keys of ids, items, users, new events, corrected events, the mark that says what was imported, features. Each write
is whole or not at all; after a failure between two of them (a full disk) the same import again completes it, because nothing is
written twice. Keys and items are compared with what other processes have stored by the moment of the write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from app import wiring
from app.usecases import lake_content as there
from app.usecases.import_order import ImportResult, Order
from app.usecases.upserting import Changes, item_changes, upsert, user_changes
from core import columns as c
from core.settings import Settings
from datasets.catalogue_file import ItemFile
from datasets.contract import event_id
from datasets.interactions import InteractionBatch
from datasets.tables import with_titles
from datasets.user_file import UserFile
from lake import tables
from lake.adapters.memory import MemoryLake
from lake.item_keys import settle
from lake.ports import Lake

_PART = 1_000_000  # events of one append


class _Pile:
    """Rows that wait, as Parquet files of about `_PART` rows."""

    def __init__(self, folder: Path, name: str) -> None:
        self.parts: list[Path] = []
        self._folder, self._name = folder, name
        self._waiting: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        if len(rows):
            self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= _PART:
            self.close()

    def close(self) -> None:
        if self._waiting:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.parts.append(self._folder / f"{self._name}-{len(self.parts):05}.parquet")
            pl.concat(self._waiting).write_parquet(self.parts[-1])
            self._waiting.clear()


class StagedEvents:
    """The new and the corrected events of a file, counted and, unless it is a dry run, staged on disk."""

    def __init__(self, folder: Path, own_ids: bool, digest: str) -> None:
        """`digest` is that of the file that they come from."""
        self.own_ids, self.digest = own_ids, digest
        self.read = self.new = self.changed = self.known = 0
        self.items: set[int] = set()
        self.users = pl.Series(c.USER, [], dtype=pl.Int64)
        self.added, self.corrected = _Pile(folder, "new"), _Pile(folder, "changed")

    def add(self, batch: InteractionBatch, keep: bool) -> None:
        """Count the events of a batch and, if they are to be written, keep them."""
        self.read, self.known = self.read + batch.read, self.known + batch.known
        self.new, self.changed = self.new + len(batch.events), self.changed + len(batch.changed)
        self.items.update(batch.events[c.ITEM].unique().to_list())
        self.users = pl.concat([self.users, batch.events[c.USER]]).unique()
        if keep:
            self.added.add(batch.events)
            self.corrected.add(batch.changed)

    def close(self) -> None:
        """Stage the rest."""
        self.added.close()
        self.corrected.close()


@dataclass(frozen=True, eq=False)
class Brought:
    """What was read. `keys` (id -> key) are provisional for ids that the lake did not have, and so are they in all rows."""

    keys: Mapping[str, int]
    items: ItemFile | None
    users: UserFile | None
    events: StagedEvents | None


def write(settings: Settings, order: Order, brought: Brought, result: ImportResult) -> None:
    """Write it, or in a dry run only compare it with the lake, and say what comes of it. Raises StorageFull."""
    lake, events = wiring.lake(settings), brought.events
    compared = MemoryLake() if order.replace and order.dry_run else lake
    moved = {} if order.dry_run else settle(lake, brought.keys)
    keys = {id_: moved.get(key, key) for id_, key in brought.keys.items()}
    items = _upsert_items(compared, order, brought, keys, moved)
    users = None
    if brought.users is not None:
        profiles = brought.users.rows
        users = upsert(compared, tables.USERS, c.USER, lambda stored: user_changes(stored, profiles), order.dry_run)
    _report(order, brought, items, users, result)
    if order.dry_run:
        return
    if events:
        added, out = there.add_events(settings, _with_keys(events.added.parts, moved, events.own_ids), _cut(order, events))
        if out:
            result.lake.append(f"  of them {added:,} are in the lake and the newest {out:,} held out for replay")
        there.correct_events(settings, _with_keys(events.corrected.parts, moved, events.own_ids), events.own_ids)
        _mark(settings, order, events)
    history = bool((events and (events.new or events.changed)) or (users and len(users.rows)))
    if history and there.features_were_made(settings):
        _make_features(settings, result)
    _what_next(settings, bool(items and items.new), result)


def _upsert_items(
    lake: Lake, order: Order, brought: Brought, keys: Mapping[str, int], moved: Mapping[int, int]
) -> Changes | None:
    """Those of the file; of events alone, those that the lake lacks, and what it has stays as it is."""
    file = brought.items
    if file is not None:
        rows = _moved(file.rows, moved).sort(c.ITEM)
        whole = with_titles(rows, keys)
        return upsert(
            lake, tables.ITEMS, c.ITEM, lambda stored: item_changes(stored, rows, whole, order.hide_missing), order.dry_run
        )
    if brought.events is None:
        return None
    named = with_titles(_moved(pl.DataFrame({c.ITEM: sorted(brought.events.items)}, schema={c.ITEM: pl.Int64}), moved), keys)

    def lacking(stored: pl.DataFrame) -> Changes:
        new = named.filter(~pl.col(c.ITEM).is_in(stored[c.ITEM].implode()))
        return item_changes(stored, new.select(c.ITEM), new)

    return upsert(lake, tables.ITEMS, c.ITEM, lacking, order.dry_run)


def _moved(rows: pl.DataFrame, moved: Mapping[int, int]) -> pl.DataFrame:
    return rows.with_columns(pl.col(c.ITEM).replace(dict(moved))) if moved else rows


def _with_keys(parts: list[Path], moved: Mapping[int, int], own_ids: bool) -> Iterator[pl.DataFrame]:
    """The staged events with the stored keys, which the ids of events without one of their own contain."""
    for part in parts:
        rows = _moved(pl.read_parquet(part), moved)
        yield rows if own_ids or not moved else rows.with_columns(event_id().alias(c.EVENT_ID))


def _report(order: Order, brought: Brought, items: Changes | None, users: Changes | None, result: ImportResult) -> None:
    lines, events = result.lake, brought.events
    if events:
        changed = f", {events.changed:,} changed" if events.changed else ""
        lines.append(f"events: {events.new:,} new{changed}" + (f", {events.known:,} there already" if events.known else ""))
    if items and (order.items or items.new):
        whole = " (--hide-missing takes them out of every list)" if items.absent and not order.hide_missing else ""
        lines.append(f"items: {items}{whole}" if order.items else f"items: {items.new:,} new, with their ids for titles")
    if users:
        lines.append(f"users with attributes: {users}")
    if brought.users and events and events.new:
        known = int(events.users.is_in(brought.users.rows[c.USER].implode()).sum())
        lines.append(
            f"  {known:,} of the {len(events.users):,} users of the new events have attributes in {brought.users.source.name}"
        )


def _cut(order: Order, events: StagedEvents) -> float:
    """The time from which new events are held out."""
    if not order.hold_out or not events.new:
        return float("inf")
    times = pl.scan_parquet(events.added.parts).select(pl.col(c.TS).sort()).collect().to_series()
    return float(times[int((1 - order.hold_out) * len(times))])


def _mark(settings: Settings, order: Order, events: StagedEvents) -> None:
    known, path = there.marked(settings), order.interactions
    names = [*filter(None, str(known.get("name") or "").split(" + ")), path.stem if path else ""]
    source = known.get("source") or "import"
    there.mark(settings, name=" + ".join(dict.fromkeys(names)), digest=events.digest, hold_out=order.hold_out, source=source)


def _make_features(settings: Settings, result: ImportResult) -> None:
    """History changed under features that were made before: they are made again, which no consumer disturbs now."""
    from app.usecases.features import materialize

    materialize(settings, result.lake.append)
    there.features_made(settings, wiring.lake(settings).version(tables.INTERACTIONS))


def _what_next(settings: Settings, new_items: bool, result: ImportResult) -> None:
    if wiring.lake(settings).version(tables.INTERACTIONS) < 0:
        result.next.append("events: marquee data import --interactions FILE")
    elif not there.features_were_made(settings):
        result.next.append("train and serve: marquee init && marquee up")
    else:
        if new_items:
            result.next.append("lists have new items after: marquee release extend")
        result.next.append("learn from all of it: marquee release build")
