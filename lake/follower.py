"""Reading a table of the lake bit by bit: what was added since the last look, whoever added it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from core.errors import DependencyUnavailable
from lake.lake import Lake


class Added(NamedTuple):
    """`rows` came since the last look; if `whole`, they are all there are, and what was known before is void."""

    rows: pl.DataFrame
    whole: bool


class TableFollower:
    """Looks at one table again and again. A look that finds nothing new costs a listing, not a read."""

    def __init__(self, lake: Lake, table: str, columns: Sequence[str], history: bool = True) -> None:
        """`columns` of the table that are read; `day` is not among those that can be.

        Without `history` what is there at the first look, or when it would have to start again, is passed over.
        """
        self._path = lake.root / table
        self._columns = list(columns)
        self._history = history
        self._version: int | None = None  # as of the last look; None before the first one, and to start again

    def look(self) -> Added | None:
        """What is new; None if nothing is, or if the table was never written. Raises DependencyUnavailable.

        When rows were taken away (a user was erased, the table was replaced) it starts again from the whole table. Files
        that were merged into larger ones brought nothing new.
        """
        try:
            return self._look()
        except FileNotFoundError as error:  # somebody vacuumed what was not read yet
            self._version = None
            raise self._unavailable(error) from error
        except (OSError, ValueError, DeltaError, pl.exceptions.PolarsError) as error:
            raise self._unavailable(error) from error

    def _look(self) -> Added | None:
        if not DeltaTable.is_deltatable(str(self._path)):
            self._version = -1
            return None
        delta = DeltaTable(str(self._path))
        version = delta.version()
        if version == self._version:
            return None
        files = None if self._version is None else self._appended(self._version + 1, version)
        whole = files is None
        if files is None:
            files = delta.file_uris() if self._history else []
        rows = self._read(sorted(files))
        self._version = version
        return Added(rows, whole) if files or (whole and self._history) else None

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

    def _read(self, files: Sequence[str]) -> pl.DataFrame:
        frames = [pl.read_parquet(file, columns=self._columns, hive_partitioning=False) for file in files]
        return pl.concat(frames) if frames else pl.DataFrame({name: [] for name in self._columns})
