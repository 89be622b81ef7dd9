"""The port of the lake: tables that can be appended to, replaced, versioned and followed, and from which a user can be erased.

Its adapters keep one contract (`tests/contract/test_lake.py`). All of them raise `DependencyUnavailable` when tables cannot
be read, and `StorageFull` when they cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import polars as pl

from core.errors import InvalidInput


@dataclass(frozen=True)
class Writer:
    """Identifies an append: the writer's name and a `number` that it increases with every append, such as a log offset."""

    name: str
    number: int


class Added(NamedTuple):
    """`rows` are new since the last poll; if `is_snapshot`, they are the whole table and replace what was read before."""

    rows: pl.DataFrame
    is_snapshot: bool


Revision = Callable[[pl.DataFrame], pl.DataFrame]  # a table's rows as they are -> the rows to upsert


class Upserted(NamedTuple):
    """How many rows an upsert added, and how many it replaced."""

    inserted: int
    updated: int


@runtime_checkable
class Follower(Protocol):
    """Polls one table for rows added since the last poll, by any process."""

    def look(self) -> Added | None:
        """What is new; None if nothing is, or if the table was never written. Raises DependencyUnavailable.

        When rows were removed (a user was erased, rows were replaced) it starts again with the whole table. Files that
        were merged into larger ones bring nothing new.
        """


@runtime_checkable
class Lake(Protocol):
    """The tables of `lake.tables`. Every write is atomic and makes a version."""

    def append(self, table: str, rows: pl.DataFrame, *writers: Writer) -> bool:
        """Append rows with the table's columns (without `day`). Raises StorageFull.

        Each writer's progress becomes its number. Appends nothing and returns False if one of them has reached its number before.
        """

    def replace(self, table: str, rows: pl.DataFrame) -> None:
        """Make these rows the whole table. Raises StorageFull."""

    def upsert(self, table: str, rows: pl.DataFrame, on: Sequence[str]) -> Upserted:
        """Rows whose key columns `on` match take the place of the old ones, whole; the others are added.

        Raises InvalidInput when two rows have the same key or a key is null, and StorageFull.
        """

    def revise(self, table: str, revision: Revision, on: Sequence[str]) -> None:
        """Upsert the rows that `revision` makes of the table as it is at the moment of the write; none of them, no version.

        If another process writes to the table meanwhile, `revision` is asked again with what that one left, so that neither
        undoes the other's change. Raises what `revision` raises, InvalidInput as `upsert` does, and StorageFull.
        """

    def compact(self, table: str) -> None:
        """Merge small files into larger ones. Rows, writers' numbers and what earlier versions hold stay as they are."""

    def read(self, table: str, version: int | None = None) -> pl.DataFrame:
        """The table, now or at a version; a column that it did not have when it was written is null.

        Raises NotFound for a table never written or a version it does not have.
        """

    def version(self, table: str) -> int:
        """The number of the latest version, which a training run records; -1 for a table never written."""

    def last_written(self, table: str, writer: str) -> int:
        """The highest number that a writer appended, or -1."""

    def progress(self, table: str, writers: Sequence[str]) -> dict[str, int]:
        """`last_written` of several writers, at one moment."""

    def follow(self, table: str, columns: Sequence[str], history: bool = True) -> Follower:
        """A follower that reads these columns, any but `day`.

        Without `history`, rows that exist at the first poll, or when it has to start again, are skipped.
        """

    def forget_user(self, user_id: int) -> int:
        """Delete a user's rows from every table; returns how many. Earlier versions keep them."""


@runtime_checkable
class FileLake(Lake, Protocol):
    """A lake whose tables are Parquet files, which engines for large data read on their own."""

    def files(self, table: str) -> list[str]:
        """The files that the table consists of now. Raises NotFound."""


def check_keys(rows: pl.DataFrame, on: Sequence[str]) -> None:
    """Check the key columns of an upsert's rows. Raises InvalidInput for a null or a repeated key."""
    keys = rows.select(on)
    if any(keys[name].null_count() for name in on):
        raise InvalidInput(", ".join(on), None, "a key in every row")
    repeated = keys.filter(keys.is_duplicated())
    if len(repeated):
        raise InvalidInput(", ".join(on), repeated.row(0), "one row for each key")
