"""`marquee data import`: people's own files into the lake, added to what is there.

Everything is read and judged before anything is written: events are staged as Parquet under the home folder, a million rows or so
at a time, so that a file of any size fits. A refusal leaves the lake as it was; `app.usecases.import_writing` does the rest. An
event that the lake has already, imported or streamed, is not added again, so that a file can be imported as often as it grows.

History is not imported while a consumer runs (`app.ops.ownership.without_consumer`): it holds features that lack it, and would
go on writing them. Items can be imported at any time, since every process follows their table.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import polars as pl

from app import wiring
from app.bars import Bars
from app.ops.ownership import without_consumer
from app.usecases import lake_content as there
from app.usecases.import_order import ImportResult, Order
from app.usecases.import_writing import Brought, StagedEvents, write
from core import columns as c
from core.errors import DatasetError, InvalidInput
from core.settings import Settings
from core.words import counted
from datasets.catalogue_file import ItemFile, read_item_file
from datasets.contract import Seen
from datasets.interactions import ImportCatalogue, InteractionFile
from datasets.quarantine import Quarantine
from datasets.sources import SourceFile
from datasets.tables import refuse_bad_share, with_titles
from datasets.user_file import UserFile, read_user_file
from lake.items_feed import keys_of_ids
from lake.tables import ITEMS, read_or_empty

_PREVIEW = 8  # rows


def import_files(settings: Settings, order: Order, take_out: Callable[[], None] = lambda: None) -> ImportResult:
    """Read, judge and, unless it is a dry run, write; nothing is written if anything is wrong.

    `take_out` empties the lake, for an order that replaces what it holds, after its files were found good. Raises
    DatasetError, InvalidInput, AlreadyRunning and StorageFull.
    """
    if not (order.interactions or order.items or order.users):
        raise DatasetError("there is nothing to import; name a file with --interactions, --items or --users")
    if not order.replace:
        _refuse_mixing(settings, order)
    history = (order.interactions or order.users or order.replace) and not order.dry_run
    staging = settings.folder("import")
    with without_consumer(settings.home, "Items alone can be imported at any time") if history else nullcontext():
        try:
            if order.replace and not order.dry_run:
                _Import(settings, replace(order, dry_run=True), staging).run()
                take_out()
            return _Import(settings, order, staging).run()
        finally:
            if history:
                shutil.rmtree(staging, ignore_errors=True)


def _refuse_mixing(settings: Settings, order: Order) -> None:
    """People's own events do not slip in between the films that `data load` put there. Raises DatasetError."""
    if order.interactions and there.was_loaded(settings) and not order.add and not there.content(settings).empty:
        raise DatasetError(
            f"the lake holds {there.loaded_name(settings)} ({there.content(settings)}), and equal ids would be taken for the "
            "same items; use --replace to take all of it out first, --add to add to it all the same, or set MARQUEE_HOME to keep "
            "both"
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
        brought = Brought(self._keys, items, users, events)
        write(self._settings, order, brought, self._result)
        return self._result

    # --- reading ---------------------------------------------------------------------------------------------------------

    def _read_items(self, source: SourceFile) -> ItemFile:
        quarantine = Quarantine(self._quarantine_path)
        file = read_item_file(source, self._order.item_names, self._keys, quarantine)
        self._report_file(file.lines(), source, file.read + quarantine.broken, len(file.rows), quarantine)
        self._keys = dict(file.keys)
        if file.rows.is_empty():
            raise DatasetError(f"{source.name}: no usable item" + _reasons(quarantine))
        if self._order.interactions is None:
            self._result.preview = with_titles(file.rows, file.keys).head(_PREVIEW)
        return file

    def _read_users(self, source: SourceFile) -> UserFile:
        quarantine = Quarantine(self._quarantine_path)
        file = read_user_file(source, self._order.user_names, quarantine)
        self._report_file(file.lines(), source, file.read + quarantine.broken, len(file.rows), quarantine)
        if file.rows.is_empty():
            raise DatasetError(f"{source.name}: no usable user" + _reasons(quarantine))
        return file

    def _report_file(self, lines: Iterator[str], source: SourceFile, read: int, kept: int, quarantine: Quarantine) -> None:
        self._result.understood += [*lines]
        self._result.rows.append(f"{source.name}: {counted(read, 'row')} read, {kept:,} kept, {read - kept:,} not")
        self._result.rows += quarantine.lines()
        if quarantine.reasons and quarantine.path:
            self._result.rows.append(f"  each of them, with its line, its text and the reason, is in {quarantine.path}")

    def _read_events(self, items: ItemFile | None) -> StagedEvents:
        """Two passes over the file: one to understand it, one to convert and stage it."""
        order, source = self._order, self._source
        quarantine = Quarantine(self._quarantine_path)
        with Bars() as bar:
            look, read = bar.add_task(f"looking at {source.name}", total=1.0), bar.add_task("reading events", total=1.0)
            file = InteractionFile(source, order.reading, lambda share: bar.update(look, completed=share))
            bar.update(look, completed=1.0)
            if order.hold_out and not file.has_time:
                raise InvalidInput("--hold-out", order.hold_out, "0 with --ts position: of positions none is the newest")
            events = StagedEvents(self._staging, file.own_ids, source.dialect.digest)
            seen = Seen(None if order.replace else there.known_events(self._settings, file.own_ids, order.hold_out > 0))
            clock = wiring.clock_rule(self._settings)
            catalogue = self._catalogue(items)
            for batch in file.read(
                catalogue, quarantine, seen, clock, time.time(), lambda share: bar.update(read, completed=share)
            ):
                events.add(batch, keep=not order.dry_run)
                if self._result.preview is None and len(batch.events):
                    self._result.preview = batch.events.head(_PREVIEW)
            events.close()
        self._keys = dict(catalogue.item_keys)
        rows, kept = events.read + quarantine.broken, events.new + events.changed + events.known
        self._report_file(file.lines(), source, rows, kept, quarantine)
        refuse_bad_share(source.name, quarantine, rows, order.max_bad)
        if not kept:
            raise DatasetError(f"{source.name}: no usable event" + _reasons(quarantine))
        return events

    def _catalogue(self, items: ItemFile | None) -> ImportCatalogue:
        """With an item file events may name its items and the lake's; without, any id is an item."""
        if items is None:
            return ImportCatalogue(None, self._keys)
        stored = [] if self._order.replace else [read_or_empty(self._lake, ITEMS)[c.ITEM]]
        return ImportCatalogue(pl.concat([*stored, items.rows[c.ITEM]]).unique(), self._keys)

    def _name_preview(self) -> None:
        """Ids instead of keys, as people know them."""
        if (rows := self._result.preview) is None:
            return
        names = {key: id_ for id_, key in self._keys.items()}
        shown = [pl.Series([names.get(key, str(key)) for key in rows[c.ITEM]], dtype=pl.String).alias(c.ITEM)]
        if c.USER in rows.columns:
            shown.append(rows.select(pl.coalesce(c.EXTERNAL_USER, pl.col(c.USER).cast(pl.String)).alias(c.USER)).to_series())
        self._result.preview = rows.with_columns(shown)


def _reasons(quarantine: Quarantine) -> str:
    return "; ".join(["", *(line.strip() for line in quarantine.lines())]) or ": it has no row below the names of its columns"
