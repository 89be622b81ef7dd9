"""Reading a table of the lake bit by bit: what was added since the last look, whoever added it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from core.errors import DependencyUnavailable
from core.lake import Lake


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
        self._path = str(lake.root / table)
        self._columns = list(columns)
        self._history = history
        self._version = -1
        self._files: frozenset[str] | None = None  # known ones; None before the first look

    def look(self) -> Added | None:
        """What is new; None if nothing is, or if the table was never written. Raises DependencyUnavailable.

        A file that is gone (a user was erased, files were merged) makes it start again from the whole table.
        """
        try:
            if not DeltaTable.is_deltatable(self._path):
                self._files = self._files or frozenset()
                return None
            delta = DeltaTable(self._path)
            if delta.version() == self._version:
                return None
            files = frozenset(delta.file_uris())
            known = files if self._files is None else self._files
            whole = self._files is None or not known <= files
            wanted = (files if self._history else frozenset()) if whole else files - known
            rows = self._read(sorted(wanted))
        except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
            raise DependencyUnavailable("lake", str(error).splitlines()[0], f"check {self._path}") from error
        self._version, self._files = delta.version(), files
        return Added(rows, whole) if self._history or not whole else None

    def _read(self, files: Sequence[str]) -> pl.DataFrame:
        frames = [pl.read_parquet(file, columns=self._columns, hive_partitioning=False) for file in files]
        return pl.concat(frames) if frames else pl.DataFrame({name: [] for name in self._columns})
