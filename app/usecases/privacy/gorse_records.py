"""What Gorse's API keeps of users, as a place from which they are erased."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.usecases.privacy.subject import Subject
from core.errors import DependencyUnavailable

TABLES = ("users", "feedback")


@dataclass(frozen=True)
class GorseRecords:
    """The file of `serving.gorse.store`, also where that API is off now."""

    path: Path
    name: str = "records of Gorse's API"
    stays: str = ""

    def count(self, user: Subject) -> int:
        return self._each("SELECT COUNT(*) FROM {} WHERE user_id = ?", user)

    def erase(self, user: Subject) -> int:
        """What is deleted is overwritten, in the file and in what SQLite has written ahead of it."""
        found = self.count(user)
        if found:
            self._each("DELETE FROM {} WHERE user_id = ?", user)
        return found

    def _each(self, statement: str, user: Subject) -> int:
        """The sum of what the statement answers for each table."""
        if not self.path.is_file():
            return 0
        try:
            with closing(sqlite3.connect(self.path, timeout=10.0)) as connection:
                connection.execute("PRAGMA secure_delete = ON")
                with connection:
                    rows = [connection.execute(statement.format(table), (str(user.id),)).fetchone() for table in TABLES]
                if statement.startswith("DELETE"):
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return sum(row[0] for row in rows if row)
        except sqlite3.Error as error:
            raise DependencyUnavailable(self.name, f"{self.path}: {error}") from error
