"""Reads a Delta table incrementally: the rows added since the last poll, from Delta's log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from core import columns as c
from core.errors import DependencyUnavailable
from lake.ports import Added


class DeltaFollower:
    """Follows one table. A poll that finds nothing new costs a listing, not a read."""

    def __init__(self, path: Path, schema: pl.Schema, columns: Sequence[str], history: bool) -> None:
        """`schema` is that of the table today; older files may not have all its columns."""
        self._path = path
        self._schema = schema
        self._columns = list(columns)
        self._history = history
        self._version: int | None = None  # as of the last poll; None before the first one, and to start again

    def look(self) -> Added | None:
        """See `lake.ports.Follower`."""
        try:
            return self._refresh()
        except FileNotFoundError as error:  # somebody vacuumed what was not read yet
            self._version = None
            raise self._unavailable(error) from error
        except (OSError, ValueError, DeltaError, pl.exceptions.PolarsError) as error:
            raise self._unavailable(error) from error

    def _refresh(self) -> Added | None:
        if not DeltaTable.is_deltatable(str(self._path)):
            self._version = -1
            return None
        delta = DeltaTable(str(self._path))
        version = delta.version()
        if version == self._version:
            return None
        files = None if self._version is None else self._appended(self._version + 1, version)
        is_snapshot = files is None
        if files is None:
            files = paths_of(delta) if self._history else []
        rows = self._read(sorted(files))
        self._version = version
        return Added(rows, is_snapshot) if len(rows) or (is_snapshot and self._history) else None

    def _appended(self, first: int, last: int) -> list[str] | None:
        """The files that these versions added, from Delta's log; None when they also took rows away or are forgotten there."""
        found = []
        for version in range(first, last + 1):
            commit = self._path / "_delta_log" / f"{version:020d}.json"
            if not commit.is_file():
                return None
            for action in map(json.loads, commit.read_text().splitlines()):
                if action.get("remove", {}).get("dataChange"):
                    return None
                if action.get("add", {}).get("dataChange"):
                    found.append(str(self._path / unquote(action["add"]["path"])))
        return found

    def _unavailable(self, error: Exception) -> DependencyUnavailable:
        return DependencyUnavailable("lake", (str(error) or repr(error)).splitlines()[0], f"check {self._path}")

    def _read(self, files: list[str]) -> pl.DataFrame:
        return read_files(files, pl.Schema((name, self._schema[name]) for name in self._columns))


def paths_of(delta: DeltaTable) -> list[str]:
    """The files of a version. Delta writes addresses, in which a space of a folder's name is %20; a file system wants paths."""
    return [unquote(address) for address in delta.file_uris()]


def read_files(files: Sequence[str], wanted: pl.Schema) -> pl.DataFrame:
    """These columns of a table's files, in their order; a column that is newer than a file is null in it.

    Polars reads them: PyArrow is slower, takes twice the memory, and imports pandas. A day is in the file's address.
    """
    if not files:
        return wanted.to_frame()
    in_files = pl.Schema({name: kind for name, kind in wanted.items() if name != c.DAY})
    by_day = {c.DAY: wanted[c.DAY]} if c.DAY in wanted else None
    return (
        pl.scan_parquet(
            list(files),
            schema=in_files,
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=by_day is not None,
            hive_schema=by_day,
            glob=False,
        )
        .select(list(wanted))
        .collect()
    )
