"""The lake as Delta tables: atomic, idempotent, versioned, and deletable by user.

An append may carry a writer and a number (Delta's writer transaction): a number that the writer already used is not
appended again, so a consumer that died between an append and its commit repeats the append without counting twice.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from core import columns as c
from core.errors import DependencyUnavailable, NotFound, StorageFull
from lake.adapters.delta_follower import DeltaFollower, paths_of, read_files
from lake.ports import Revision, Upserted, Writer, check_keys
from lake.tables import OF_USERS, PARTITIONED, SCHEMAS, conform

_MERGED_BYTES = 16 * 2**20  # files of this size are not merged again, which bounds what one merge rewrites of a day
_MAX_TRIES = 20  # attempts at a write while other processes commit first
_PAUSE = 0.005  # maximum seconds after the first attempt; it grows with each, so that many writers do not retry in step
_log = logging.getLogger(__name__)
T = TypeVar("T")


class DeltaLake:
    """The tables under one folder, one Delta table each."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def append(self, table: str, rows: pl.DataFrame, *writers: Writer) -> bool:
        """See `Lake`."""
        rows = conform(table, rows)

        def write(seen: DeltaTable | None) -> bool:
            if any(_last(seen, writer.name) >= writer.number for writer in writers):
                return False
            # onto the very snapshot that was checked: a zombie of this writer that appended since makes the commit fail
            self._append(table, rows, seen, *writers)
            return True

        return self._committed(table, write)

    def replace(self, table: str, rows: pl.DataFrame) -> None:
        """See `Lake`."""
        rows = conform(table, rows)
        self._committed(table, lambda seen: self._write(table, rows, seen, "overwrite", "overwrite"))

    def upsert(self, table: str, rows: pl.DataFrame, on: Sequence[str]) -> Upserted:
        """See `Lake`."""
        rows = conform(table, rows)
        check_keys(rows, on)

        def merge(seen: DeltaTable | None) -> Upserted:
            if seen is None:
                self._append(table, rows, None)
                return Upserted(len(rows), 0)
            return self._merge(seen, rows, on)

        return self._committed(table, merge)

    def revise(self, table: str, revision: Revision, on: Sequence[str]) -> None:
        """See `Lake`. The commit is onto the very snapshot that `revision` saw."""

        def merge(seen: DeltaTable | None) -> None:
            with self._reading():
                stored = self._rows(table, seen)
            rows = conform(table, revision(stored))
            check_keys(rows, on)
            if rows.is_empty():
                return
            if seen is None:
                self._append(table, rows, None)
            else:
                self._merge(seen, rows, on, max_retries=0)

        self._committed(table, merge)

    def compact(self, table: str) -> None:
        """See `Lake`.

        Every append adds a file, and every append lists them all: without this it takes longer each time. A merge that
        fails, because of a full disk or because another process merges too, is logged and left to the next one.
        """
        try:
            delta = self._opened(table)
            if delta is not None:
                delta.optimize.compact(target_size=_MERGED_BYTES)
        except (OSError, DeltaError) as error:
            _log.warning("the files of %s are not merged for now: %s", table, _first_line(error))

    def read(self, table: str, version: int | None = None) -> pl.DataFrame:
        """See `Lake`."""
        with self._reading():
            delta = self._existing(table)
            if version is not None:
                if not 0 <= version <= delta.version():
                    raise NotFound(f"{table} has no version {version}; it has 0 to {delta.version()}")
                delta.load_as_version(version)
            return self._rows(table, delta)

    def version(self, table: str) -> int:
        """See `Lake`: Delta's version."""
        with self._reading():
            delta = self._opened(table)
            return -1 if delta is None else delta.version()

    def last_written(self, table: str, writer: str) -> int:
        """See `Lake`."""
        return self.progress(table, [writer])[writer]

    def progress(self, table: str, writers: Sequence[str]) -> dict[str, int]:
        """See `Lake`."""
        with self._reading():
            delta = self._opened(table)
            return {writer: _last(delta, writer) for writer in writers}

    def files(self, table: str) -> list[str]:
        """See `FileLake`."""
        with self._reading():
            return paths_of(self._existing(table))

    def follow(self, table: str, columns: Sequence[str], history: bool = True) -> DeltaFollower:
        """See `Lake`."""
        return DeltaFollower(self._root / table, SCHEMAS[table], columns, history)

    def forget_user(self, user_id: int) -> int:
        """See `Lake`. The files of earlier versions with such rows are deleted, so those versions cannot be read any more."""
        deleted = 0
        with self._reading():
            for table, column in OF_USERS.items():
                delta = self._opened(table)
                if delta is None:
                    continue
                rows = int(delta.delete(f"{column} = {int(user_id)}")["num_deleted_rows"])
                if rows:  # only files that a commit took out: what another process is writing stays
                    delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
                deleted += rows
        return deleted

    def _rows(self, table: str, delta: DeltaTable | None) -> pl.DataFrame:
        """All of the version that was opened."""
        return read_files(paths_of(delta) if delta is not None else [], SCHEMAS[table])

    def _opened(self, table: str) -> DeltaTable | None:
        path = str(self._root / table)
        return DeltaTable(path) if DeltaTable.is_deltatable(path) else None

    def _existing(self, table: str) -> DeltaTable:
        delta = self._opened(table)
        if delta is None:
            raise NotFound(f"the lake has no table {table!r} under {self._root}; load data with `marquee data load`")
        return delta

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
            remedy = f"check {self._root}; an earlier version of a table can be restored with Delta's own tools"
            raise DependencyUnavailable("lake", _first_line(error), remedy) from error

    def _committed(self, table: str, write: Callable[[DeltaTable | None], T]) -> T:
        """What `write` returns for the table as it is now; once more if another process changed it before the commit."""
        for tried in range(_MAX_TRIES):
            seen = None
            try:
                seen = self._opened(table)
                return write(seen)
            except (OSError, DeltaError) as error:
                failed = error
            if not (isinstance(failed, CommitFailedError) or (seen is None and self._created_meanwhile(table))):
                break
            time.sleep(random.uniform(0, _PAUSE * (tried + 1)))  # noqa: S311 - no secret
        raise StorageFull("lake", _first_line(failed), f"check free space and permissions of {self._root}") from failed

    def _created_meanwhile(self, table: str) -> bool:
        try:
            return self._opened(table) is not None
        except (OSError, DeltaError):
            return False

    def _merge(self, seen: DeltaTable, rows: pl.DataFrame, on: Sequence[str], max_retries: int | None = None) -> Upserted:
        merger = seen.merge(
            rows,
            " AND ".join(f"old.{name} = new.{name}" for name in on),
            source_alias="new",
            target_alias="old",
            merge_schema=True,
            commit_properties=CommitProperties(max_commit_retries=max_retries),
        )
        done = merger.when_matched_update_all().when_not_matched_insert_all().execute()
        return Upserted(int(done["num_target_rows_inserted"]), int(done["num_target_rows_updated"]))

    def _append(self, table: str, rows: pl.DataFrame, seen: DeltaTable | None, *writers: Writer) -> None:
        """Append; a column that was added to the schema after the table was made is added to the table."""
        grows = seen is not None and not {field.name for field in seen.schema().fields}.issuperset(rows.columns)
        self._write(table, rows, seen, "append", "merge" if grows else None, writers)

    def _write(
        self,
        table: str,
        rows: pl.DataFrame,
        seen: DeltaTable | None,
        mode: Literal["append", "overwrite"],
        schema_mode: Literal["merge", "overwrite"] | None,
        writers: Sequence[Writer] = (),
    ) -> None:
        transactions = [Transaction(writer.name, writer.number) for writer in writers]
        self._root.mkdir(parents=True, exist_ok=True)
        write_deltalake(
            seen or str(self._root / table),
            rows,
            mode=mode if seen else "error",
            schema_mode=schema_mode if seen else None,
            partition_by=[c.DAY] if table in PARTITIONED else None,
            # a retried commit of a new table would land on top of that of another process that made it meanwhile
            commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=None if seen else 0),
        )


def _last(delta: DeltaTable | None, writer: str) -> int:
    found = delta.transaction_version(writer) if delta is not None else None
    return -1 if found is None else int(found)


def _first_line(error: Exception) -> str:
    return (str(error) or repr(error)).splitlines()[0]
