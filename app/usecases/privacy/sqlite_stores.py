"""Tables of SQLite files with something of users. What is deleted is overwritten, in the file and in what SQLite writes ahead."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.usecases.privacy.subject import Subject
from core import columns as c
from core.errors import DependencyUnavailable


@dataclass(frozen=True)
class SqliteTable(ABC):
    """A table, some of whose rows are a user's; it, and its file, may be missing."""

    path: Path
    table: str
    name: str
    stays: str = ""

    def count(self, user: Subject) -> int:
        return len(self._rows(user))

    def erase(self, user: Subject) -> int:
        rows = self._rows(user)
        if rows:
            with self._open() as connection:
                connection.execute("PRAGMA secure_delete = ON")
                with connection:
                    connection.executemany(f"DELETE FROM {self.table} WHERE rowid = ?", ((row,) for row in rows))
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(rows)

    @abstractmethod
    def _rows_of(self, user: Subject, connection: sqlite3.Connection) -> list[int]:
        """Row ids of what is the user's."""

    def _rows(self, user: Subject) -> list[int]:
        if not self.path.is_file():
            return []
        with self._open() as connection:
            there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (self.table,)).fetchone()
            return self._rows_of(user, connection) if there else []

    def _open(self) -> closing[sqlite3.Connection]:
        try:
            return closing(sqlite3.connect(self.path, timeout=10.0))
        except sqlite3.Error as error:
            raise DependencyUnavailable(self.name, str(error), f"check {self.path}") from error


class SqliteRecords(SqliteTable):
    """Records of events: the embedded log, the outbox, what the outbox set aside. All are read, also those under a wrong key."""

    def _rows_of(self, user: Subject, connection: sqlite3.Connection) -> list[int]:
        records = connection.execute(f"SELECT rowid, value FROM {self.table}")
        return [row for row, value in records if user.owns(bytes(value))]


class SqliteUsers(SqliteTable):
    """Rows that have the user's id as text in a column."""

    def _rows_of(self, user: Subject, connection: sqlite3.Connection) -> list[int]:
        found = connection.execute(f"SELECT rowid FROM {self.table} WHERE {c.USER} = ?", (str(user.id),))
        return [row for (row,) in found]
