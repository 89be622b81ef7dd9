"""The lake: Delta tables of everything that happened. Atomic, idempotent, versioned, and deletable by user.

An append may carry a writer and a number (Delta's writer transaction): a number that the writer already used is not
appended again, so a consumer that died between an append and its commit repeats the append without counting twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from core import columns as c
from core.errors import DependencyUnavailable, NotFound, StorageFull
from core.items import ITEM_SCHEMA, PROFILE_SCHEMA, TAG_SCHEMA, complete

INTERACTIONS = "interactions"
IMPRESSIONS = "impressions"
ITEMS = "items"
TAGS = "tags"
USERS = "users"

SCHEMAS: dict[str, pl.Schema] = {
    INTERACTIONS: pl.Schema(
        {
            c.EVENT_ID: pl.String,
            c.USER: pl.Int64,
            c.ITEM: pl.Int64,
            c.KIND: pl.String,
            c.VALUE: pl.Float64,
            c.TS: pl.Float64,
            c.REQUEST_ID: pl.String,
            c.OFFSET: pl.Int64,
            c.DAY: pl.String,
        }
    ),
    IMPRESSIONS: pl.Schema(
        {
            c.REQUEST_ID: pl.String,
            c.USER: pl.Int64,
            c.ITEM: pl.Int64,
            c.POSITION: pl.Int64,
            c.PROPENSITY: pl.Float64,
            c.SCORE: pl.Float64,
            c.POLICY: pl.String,
            c.ARM: pl.String,
            c.MODEL_VERSION: pl.String,
            c.TS: pl.Float64,
            c.OFFSET: pl.Int64,
            c.DAY: pl.String,
        }
    ),
    ITEMS: ITEM_SCHEMA,
    TAGS: TAG_SCHEMA,
    USERS: PROFILE_SCHEMA,
}
# One partition a day suits a stream; twenty years of imported history would be thousands of tiny files, so rows that
# were imported (log_offset -1) share the partition of their year.
PARTITIONED = (INTERACTIONS, IMPRESSIONS)
OF_USERS = (*PARTITIONED, TAGS, USERS)
_MERGED_BYTES = 16 * 2**20  # of a file that is merged no further: what one merge rewrites of a day at most, beside what is new
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Writer:
    """Who appends and which append this is: `number` grows by the writer's own count, for example a log offset."""

    name: str
    number: int


class Lake:
    """The tables under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, table: str, rows: pl.DataFrame, *writers: Writer) -> bool:
        """Append rows with the table's columns (without `day`), whole or not at all. Raises StorageFull.

        Each writer's count becomes its number; False, and nothing appended, if one of them was that far already.
        """
        rows = _conform(table, rows)
        if not writers:
            self._write(table, rows, "append", CommitProperties())
            return True
        seen = self._opened(table)
        if any(_last(seen, writer.name) >= writer.number for writer in writers):
            return False
        properties = CommitProperties(app_transactions=[Transaction(writer.name, writer.number) for writer in writers])
        try:
            # onto the very snapshot that was checked: a zombie of this writer that appended since makes the commit fail
            self._write(table, rows, "append", properties, seen)
        except StorageFull:
            if any(self.last_written(table, writer.name) >= writer.number for writer in writers):
                return False
            raise
        return True

    def replace(self, table: str, rows: pl.DataFrame) -> None:
        """Make these rows the whole table."""
        self._write(table, _conform(table, rows), "overwrite", CommitProperties())

    def compact(self, table: str) -> None:
        """Merge small files into larger ones. Rows, writers' numbers and what earlier versions hold stay as they are.

        Every append adds a file, and every append lists them all: without this it takes longer each time. A merge that
        fails, because of a full disk or of another process that merges too, is logged and left to the next one.
        """
        try:
            delta = self._opened(table)
            if delta is not None:
                delta.optimize.compact(target_size=_MERGED_BYTES)
        except (OSError, DeltaError) as error:
            _log.warning("the files of %s are not merged for now: %s", table, str(error).splitlines()[0])

    def read(self, table: str, version: int | None = None) -> pl.DataFrame:
        """The table, now or at a version; a column that it did not have when it was written is null.

        Raises NotFound for a table never written or a version it does not have.
        """
        with self._reading():
            delta = self._existing(table)
            if version is not None:
                if not 0 <= version <= delta.version():
                    raise NotFound(f"{table} has no version {version}; it has 0 to {delta.version()}")
                delta.load_as_version(version)
            frame = pl.DataFrame(delta.to_pyarrow_table())
        return frame.select(
            pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name) for name, dtype in SCHEMAS[table].items()
        )

    def version(self, table: str) -> int:
        """The Delta version, which a training run records; -1 for a table never written."""
        with self._reading():
            delta = self._opened(table)
            return -1 if delta is None else delta.version()

    def last_written(self, table: str, writer: str) -> int:
        """The highest number that a writer appended, or -1."""
        with self._reading():
            return _last(self._opened(table), writer)

    def files(self, table: str) -> list[str]:
        """The Parquet files that the table consists of now, for engines that read them on their own. Raises NotFound."""
        with self._reading():
            return self._existing(table).file_uris()

    def progress(self, table: str, writers: Sequence[str]) -> dict[str, int]:
        """`last_written` of several writers, at one moment."""
        with self._reading():
            delta = self._opened(table)
            return {writer: _last(delta, writer) for writer in writers}

    def forget_user(self, user_id: int) -> int:
        """Delete a user's rows from every table; returns how many. Old versions keep them until a vacuum."""
        deleted = 0
        with self._reading():
            for delta in filter(None, map(self._opened, OF_USERS)):
                deleted += int(delta.delete(f"{c.USER} = {int(user_id)}")["num_deleted_rows"])
        return deleted

    def _opened(self, table: str) -> DeltaTable | None:
        path = str(self.root / table)
        return DeltaTable(path) if DeltaTable.is_deltatable(path) else None

    def _existing(self, table: str) -> DeltaTable:
        delta = self._opened(table)
        if delta is None:
            raise NotFound(f"the lake has no table {table!r} under {self.root}; load data with `marquee data load`")
        return delta

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, DeltaError, pa.ArrowException) as error:
            remedy = f"check {self.root}; an earlier version of a table can be restored with Delta's own tools"
            raise DependencyUnavailable("lake", str(error).splitlines()[0], remedy) from error

    def _write(
        self,
        table: str,
        rows: pl.DataFrame,
        mode: Literal["append", "overwrite"],
        properties: CommitProperties,
        snapshot: DeltaTable | None = None,
    ) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            write_deltalake(
                snapshot or str(self.root / table),
                rows.to_arrow(),
                mode=mode,
                schema_mode="overwrite" if mode == "overwrite" else None,  # the table may be older than a column
                partition_by=[c.DAY] if table in PARTITIONED else None,
                commit_properties=properties,
            )
        except (OSError, DeltaError) as error:
            raise StorageFull("lake", str(error).splitlines()[0], f"check space and rights of {self.root}") from error


def _last(delta: DeltaTable | None, writer: str) -> int:
    found = delta.transaction_version(writer) if delta is not None else None
    return -1 if found is None else int(found)


def _conform(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The table's columns in order and type, with the partition derived."""
    if table == ITEMS:
        return complete(rows)
    if table in PARTITIONED:
        when = pl.from_epoch(pl.col(c.TS).cast(pl.Int64), time_unit="s")
        imported = pl.col(c.OFFSET) < 0
        rows = rows.with_columns(
            pl.when(imported).then(when.dt.strftime("%Y-01-01")).otherwise(when.dt.strftime("%Y-%m-%d")).alias(c.DAY)
        )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMAS[table].items())
