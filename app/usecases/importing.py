"""`marquee data import`: people's own files into the lake, added to what is there.

Everything is read and judged before anything is written: events are staged as Parquet under the home folder, a million rows or so
at a time, so that a file of any size fits. Then items and users are upserted, and new events appended. An event that the lake has
already, imported or streamed, is left as it is, so that a file can be imported again and again while it grows.

History is not imported while a consumer runs (`app.ops.ownership.without_consumer`): it holds features that lack it, and would
go on writing them. Items can be imported at any time, since every process follows their table.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from rich.progress import Progress

from app import wiring
from app.console import err
from app.ops.ownership import without_consumer
from app.usecases import lake_content as there
from app.usecases.import_order import ImportResult, Order
from app.usecases.upserting import Changes, item_changes, stored_items, user_changes
from core import columns as c
from core.errors import DatasetError, InvalidInput
from core.settings import Settings
from datasets.catalogue_file import ItemFile, read_item_file
from datasets.contract import Seen
from datasets.interactions import ImportCatalogue, InteractionFile
from datasets.quarantine import Quarantine
from datasets.registry import BUNDLED_NAMES
from datasets.sources import SourceFile
from datasets.tables import refuse_bad_share, with_titles
from datasets.user_file import UserFile, read_user_file
from lake import tables
from lake.item_keys import assign
from lake.items_feed import keys_of_ids

_PREVIEW = 8  # rows
_PART = 1_000_000  # events of one append


@dataclass
class _Events:
    """The new events of a file, staged."""

    parts: list[Path] = field(default_factory=list)
    read: int = 0
    new: int = 0
    known: int = 0
    items: set[int] = field(default_factory=set)


def import_files(settings: Settings, order: Order) -> ImportResult:
    """Read, judge and, unless it is a dry run, write; nothing is written if anything is wrong.

    Raises DatasetError, InvalidInput, AlreadyRunning and StorageFull.
    """
    if not (order.interactions or order.items or order.users):
        raise DatasetError("there is nothing to import; name a file with --interactions, --items or --users")
    _refuse_mixing(settings, order)
    history = (order.interactions or order.users) and not order.dry_run
    staging = settings.folder("import")
    with without_consumer(settings.home, "Items alone can be imported at any time") if history else nullcontext():
        try:
            return _Import(settings, order, staging).run()
        finally:
            if history:
                shutil.rmtree(staging, ignore_errors=True)


def _refuse_mixing(settings: Settings, order: Order) -> None:
    """People's own events do not slip in between the films that `data load` put there. Raises DatasetError."""
    known = there.marked(settings)
    loaded = known.get("source", "load" if known.get("name") in BUNDLED_NAMES else "import") == "load"
    if order.interactions and loaded and known.get("name") and not order.add and not there.content(settings).empty:
        raise DatasetError(
            f"the lake holds {known['name']} ({there.content(settings)}), and equal ids would be taken for the same items; "
            "use --replace to take all of it out first, --add to add to it all the same, or set MARQUEE_HOME to keep both"
        )


class _Import:
    def __init__(self, settings: Settings, order: Order, staging: Path) -> None:
        self._settings, self._order, self._staging = settings, order, staging
        self._lake = wiring.lake(settings)
        self._result = ImportResult()
        first = order.interactions or order.items or order.users
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        path = settings.folder("quarantine") / f"{stamp}-{first.stem if first else ''}.jsonl"
        self._quarantine_path = None if order.dry_run else path
        self._keys = keys_of_ids(self._lake)

    def run(self) -> ImportResult:
        order = self._order
        items = users = None
        if order.interactions:
            self._source = order.reading.open(order.interactions)
        if order.items:
            items = self._read_items(order.reading.open(order.items))
        if order.users:
            users = self._read_users(order.reading.open(order.users))
        events = self._read_events(items) if order.interactions else None
        self._name_preview()
        item_rows = self._item_changes(items, events)
        user_rows = user_changes(self._lake, users.rows) if users else None
        self._report(item_rows, user_rows, events)
        if not order.dry_run:
            self._write(items, item_rows, user_rows, events)
        return self._result

    # --- reading ---------------------------------------------------------------------------------------------------------

    def _read_items(self, source: SourceFile) -> ItemFile:
        quarantine = Quarantine(self._quarantine_path)
        file = read_item_file(source, self._order.item_names, self._keys, quarantine)
        self._report_file(file.lines(), source, file.read + quarantine.broken, len(file.rows), quarantine)
        self._keys = dict(file.keys)
        if file.rows.is_empty():
            raise DatasetError(f"{source.name}: no usable item; " + "; ".join(line.strip() for line in quarantine.lines()))
        if self._order.interactions is None:
            self._result.preview = with_titles(file.rows, file.keys).head(_PREVIEW)
        return file

    def _read_users(self, source: SourceFile) -> UserFile:
        quarantine = Quarantine(self._quarantine_path)
        file = read_user_file(source, self._order.user_names, quarantine)
        self._report_file(file.lines(), source, file.read + quarantine.broken, len(file.rows), quarantine)
        return file

    def _report_file(self, lines: Iterator[str], source: SourceFile, read: int, kept: int, quarantine: Quarantine) -> None:
        self._result.understood += [*lines]
        self._result.rows.append(f"{source.name}: {read:,} rows read, {kept:,} kept, {read - kept:,} not")
        self._result.rows += quarantine.lines()
        if quarantine.reasons and quarantine.path:
            self._result.rows.append(f"  each of them, with its line, its text and the reason, is in {quarantine.path}")

    def _read_events(self, items: ItemFile | None) -> _Events:
        """Two passes over the file: one to understand it, one to convert and stage it."""
        order, source = self._order, self._source
        quarantine, events = Quarantine(self._quarantine_path), _Events()
        with Progress(console=err, transient=True) as bar:
            look, read = bar.add_task(f"looking at {source.name}", total=1.0), bar.add_task("reading events", total=1.0)
            file = InteractionFile(source, order.reading, lambda share: bar.update(look, completed=share))
            bar.update(look, completed=1.0)
            if order.hold_out and not file.has_time:
                raise InvalidInput("--hold-out", order.hold_out, "0 with --ts position: of positions none is the newest")
            seen = Seen(there.identities(self._settings, file.own_ids, held_out_too=order.hold_out > 0))
            clock = wiring.clock_rule(self._settings)
            catalogue, waiting = self._catalogue(items), []
            for batch in file.read(
                catalogue, quarantine, seen, clock, time.time(), lambda share: bar.update(read, completed=share)
            ):
                events.read += batch.read
                events.known += batch.known
                events.new += len(batch.events)
                events.items.update(batch.events[c.ITEM].unique().to_list())
                waiting.append(batch.events)
                if self._result.preview is None and len(batch.events):
                    self._result.preview = batch.events.head(_PREVIEW)
                if sum(map(len, waiting)) >= _PART:
                    self._stage(waiting, events)
            self._stage(waiting, events)
        self._keys = catalogue.item_keys
        events.read += quarantine.broken
        kept = events.new + events.known
        self._report_file(file.lines(), source, events.read, kept, quarantine)
        refuse_bad_share(source.name, quarantine, events.read, order.max_bad)
        if not kept:
            raise DatasetError(f"{source.name}: no usable event; " + "; ".join(line.strip() for line in quarantine.lines()))
        return events

    def _catalogue(self, items: ItemFile | None) -> ImportCatalogue:
        """With an item file events may name its items and the lake's; without, any id is an item."""
        if items is None:
            return ImportCatalogue(None, self._keys, None if self._order.dry_run else lambda ids: assign(self._lake, ids))
        if not self._order.dry_run:
            self._keys = assign(self._lake, items.ids)
        known = pl.concat([stored_items(self._lake)[c.ITEM], items.rows[c.ITEM]]).unique()
        return ImportCatalogue(known, self._keys)

    def _stage(self, waiting: list[pl.DataFrame], events: _Events) -> None:
        if waiting and not self._order.dry_run:
            self._staging.mkdir(parents=True, exist_ok=True)
            path = self._staging / f"part-{len(events.parts):05}.parquet"
            pl.concat(waiting).write_parquet(path)
            events.parts.append(path)
        waiting.clear()

    def _name_preview(self) -> None:
        """Ids instead of keys, as people know them."""
        if (rows := self._result.preview) is None:
            return
        names = {key: id_ for id_, key in self._keys.items()}
        shown = [pl.Series([names.get(key, str(key)) for key in rows[c.ITEM]], dtype=pl.String).alias(c.ITEM)]
        if c.USER in rows.columns:
            shown.append(rows.select(pl.coalesce(c.EXTERNAL_USER, pl.col(c.USER).cast(pl.String)).alias(c.USER)).to_series())
        self._result.preview = rows.with_columns(shown)

    # --- comparing and writing -------------------------------------------------------------------------------------------

    def _item_changes(self, items: ItemFile | None, events: _Events | None) -> Changes | None:
        stored = stored_items(self._lake)
        if items is not None:
            return item_changes(stored, items.rows, with_titles(items.rows, items.keys), self._order.hide_missing)
        if events is None:
            return None
        brought = pl.DataFrame({c.ITEM: sorted(events.items)}, schema={c.ITEM: pl.Int64})
        return item_changes(stored, brought, with_titles(brought, self._keys))

    def _report(self, items: Changes | None, users: Changes | None, events: _Events | None) -> None:
        said = self._result.lake
        if events:
            said.append(f"events: {events.new:,} new" + (f", {events.known:,} there already" if events.known else ""))
        if items and (self._order.items or items.new):
            said.append(f"items: {items}" if self._order.items else f"items: {items.new:,} new, with their ids for titles")
        if users:
            said.append(f"users with attributes: {users}")

    def _write(self, file: ItemFile | None, items: Changes | None, users: Changes | None, events: _Events | None) -> None:
        settings, lake = self._settings, self._lake
        if file is not None:
            assign(lake, file.ids)
        if items and len(items.rows):
            lake.upsert(tables.ITEMS, items.rows, [c.ITEM])
        if users and len(users.rows):
            lake.upsert(tables.USERS, users.rows, [c.USER])
        if events:
            added, out = there.add_events(settings, map(pl.read_parquet, events.parts), self._cut(events))
            if out:
                self._result.lake.append(f"  of them {added:,} are in the lake and the newest {out:,} held out for replay")
        self._mark(events)
        changed = bool((events and events.new) or (users and len(users.rows)))
        if changed and there.features_were_made(settings):
            self._features()
        self._what_next(bool(items and items.new))

    def _cut(self, events: _Events) -> float:
        """The time from which new events are held out."""
        if not self._order.hold_out or not events.new:
            return float("inf")
        times = pl.scan_parquet(events.parts).select(pl.col(c.TS).sort()).collect().to_series()
        return float(times[int((1 - self._order.hold_out) * len(times))])

    def _mark(self, events: _Events | None) -> None:
        path = self._order.interactions
        if path is None or events is None:
            return
        known = there.marked(self._settings)
        names = [*filter(None, str(known.get("name") or "").split(" + ")), path.stem]
        digest = self._source.dialect.digest
        source = "import" if known.get("source") in (None, "", "import") else known["source"]
        there.mark(
            self._settings, name=" + ".join(dict.fromkeys(names)), digest=digest, hold_out=self._order.hold_out, source=source
        )

    def _features(self) -> None:
        """History changed under features that were made before: they are made again, which no consumer disturbs now."""
        from app.usecases.features import materialize

        materialize(self._settings, self._result.lake.append)
        there.features_made(self._settings, self._lake.version(tables.INTERACTIONS))

    def _what_next(self, new_items: bool) -> None:
        said = self._result.next
        if self._lake.version(tables.INTERACTIONS) < 0:
            said.append("events: marquee data import --interactions FILE")
        elif not there.features_were_made(self._settings):
            said.append("train and serve: marquee init && marquee up")
        else:
            if new_items:
                said.append("lists have new items after: marquee release extend")
            said.append("learn from all of it: marquee release build")
