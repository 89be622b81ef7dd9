"""The lake in memory: for data that must not outlive the process. It is safe to share between threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from core.errors import NotFound
from lake.ports import Added, Revision, Upserted, Writer, check_keys
from lake.tables import OF_USERS, SCHEMAS, conform, widened


@dataclass(frozen=True, eq=False)
class _Version:
    """A table after one write."""

    rows: pl.DataFrame
    added: pl.DataFrame | None  # by this write; None when it took rows away
    written: Mapping[str, int] = field(default_factory=dict)  # the highest number of each writer


class MemoryLake:
    """Keeps every version of every table."""

    def __init__(self, tables: Mapping[str, pl.DataFrame] | None = None) -> None:
        """`tables` exist from the start; columns that were added to the schema later may be missing in them."""
        stored = {table: widened(table, rows) for table, rows in (tables or {}).items()}
        self._versions = {table: [_Version(rows, rows)] for table, rows in stored.items()}
        self._lock = threading.RLock()

    def append(self, table: str, rows: pl.DataFrame, *writers: Writer) -> bool:
        """See `Lake`."""
        rows = conform(table, rows)
        with self._lock:
            done = self.progress(table, [writer.name for writer in writers])
            if any(done[writer.name] >= writer.number for writer in writers):
                return False
            self._write(table, pl.concat([self._rows(table), rows]), rows, *writers)
        return True

    def replace(self, table: str, rows: pl.DataFrame) -> None:
        """See `Lake`."""
        rows = conform(table, rows)
        with self._lock:
            self._write(table, rows, None if len(self._rows(table)) else rows)

    def upsert(self, table: str, rows: pl.DataFrame, on: Sequence[str]) -> Upserted:
        """See `Lake`."""
        rows = conform(table, rows)
        check_keys(rows, on)
        with self._lock:
            old = self._rows(table)
            kept = old.join(rows, on=on, how="anti")
            updated = len(old) - len(kept)
            if len(rows):
                self._write(table, pl.concat([kept, rows]), None if updated else rows)
            return Upserted(len(rows) - len(old.join(rows, on=on, how="semi").unique(on)), updated)

    def revise(self, table: str, revision: Revision, on: Sequence[str]) -> None:
        """See `Lake`."""
        with self._lock:
            self.upsert(table, revision(self._rows(table)), on)

    def compact(self, table: str) -> None:
        """Does nothing: there are no files."""

    def read(self, table: str, version: int | None = None) -> pl.DataFrame:
        """See `Lake`."""
        versions = self.versions(table)
        if not versions:
            raise NotFound(f"the lake has no table {table!r}; load data with `marquee data load`")
        if version is not None and not 0 <= version < len(versions):
            raise NotFound(f"{table} has no version {version}; it has 0 to {len(versions) - 1}")
        return versions[-1 if version is None else version].rows

    def version(self, table: str) -> int:
        """See `Lake`."""
        return len(self.versions(table)) - 1

    def last_written(self, table: str, writer: str) -> int:
        """See `Lake`."""
        return self.progress(table, [writer])[writer]

    def progress(self, table: str, writers: Sequence[str]) -> dict[str, int]:
        """See `Lake`."""
        versions = self.versions(table)
        written = versions[-1].written if versions else {}
        return {writer: written.get(writer, -1) for writer in writers}

    def follow(self, table: str, columns: Sequence[str], history: bool = True) -> _MemoryFollower:
        """See `Lake`."""
        return _MemoryFollower(self, table, columns, history)

    def forget_user(self, user_id: int) -> int:
        """See `Lake`."""
        deleted = 0
        with self._lock:
            for table, column in OF_USERS.items():
                rows = self._rows(table)
                kept = rows.filter(pl.col(column).ne_missing(user_id))
                if len(kept) < len(rows):
                    self._write(table, kept, None)
                    deleted += len(rows) - len(kept)
        return deleted

    def versions(self, table: str) -> list[_Version]:
        """Every version so far, the first one first."""
        with self._lock:
            return list(self._versions.get(table, ()))

    def _rows(self, table: str) -> pl.DataFrame:
        versions = self.versions(table)
        return versions[-1].rows if versions else SCHEMAS[table].to_frame()

    def _write(self, table: str, rows: pl.DataFrame, added: pl.DataFrame | None, *writers: Writer) -> None:
        versions = self._versions.setdefault(table, [])
        written = dict(versions[-1].written) if versions else {}
        written |= {writer.name: writer.number for writer in writers}
        versions.append(_Version(rows, added, written))


class _MemoryFollower:
    def __init__(self, lake: MemoryLake, table: str, columns: Sequence[str], history: bool) -> None:
        self._lake = lake
        self._table = table
        self._columns = list(columns)
        self._history = history
        self._seen: int | None = None  # versions, as of the last poll; None before the first one

    def look(self) -> Added | None:
        versions = self._lake.versions(self._table)
        seen, self._seen = self._seen, len(versions)
        if not versions or seen == len(versions):
            return None
        added = [version.added for version in versions[seen or 0 :]]
        came = [rows for rows in added if rows is not None]
        if seen is None or len(came) < len(added):
            return Added(versions[-1].rows.select(self._columns), True) if self._history else None
        rows = pl.concat(came).select(self._columns)
        return Added(rows, False) if len(rows) else None
