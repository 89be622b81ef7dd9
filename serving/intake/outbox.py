"""The outbox on disk: events that were acknowledged to a client but are not in the event log yet, oldest first."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from core.errors import DependencyUnavailable, StorageFull
from core.ports import Record
from core.words import counted

_TABLES = """
CREATE TABLE IF NOT EXISTS outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, accepted_at REAL NOT NULL,
    UNIQUE (topic, id)
);
CREATE TABLE IF NOT EXISTS quarantine (
    topic TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, accepted_at REAL NOT NULL,
    reason TEXT NOT NULL, UNIQUE (topic, id)
);
"""
# The table `quarantine` was once called `set_aside`. Another process may be moving the rows at the same time.
_MIGRATION = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS set_aside AS SELECT * FROM quarantine WHERE 0;
INSERT OR IGNORE INTO quarantine SELECT * FROM set_aside;
DROP TABLE set_aside;
COMMIT;
"""


class Waiting(NamedTuple):
    """One event in the outbox."""

    place: int
    topic: str
    record: Record


class Outbox:
    """A bounded queue in SQLite. Thread-safe; several processes may hold one on the same file."""

    def __init__(self, path: Path, max_events: int, busy_timeout: float = 2.0) -> None:
        """Keeps at most `max_events` events. Raises StorageFull when the file cannot be created."""
        self._path = path
        self._max_events = max_events
        self._lock = threading.Lock()
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=busy_timeout, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")  # an fsync for each commit
            self._connection.executescript(_TABLES)
            if self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'set_aside'").fetchone():
                self._connection.executescript(_MIGRATION)

    def put(self, topic: str, records: Sequence[Record], now: float) -> int:
        """On disk when it returns: the number of records that were new. `now` is Unix seconds.

        Raises StorageFull when the disk refuses, and DependencyUnavailable when more would wait than the bound allows: then
        nothing was kept.
        """
        rows = [(topic, one.key, one.id, one.value, now) for one in records]
        with self._lock, self._translated(), self._connection as connection:
            waiting = self._count(connection)
            if waiting + len(rows) > self._max_events:
                remedy = "see docs/runbook.md; MARQUEE_OUTBOX_MAX_EVENTS sets how many are kept"
                raise DependencyUnavailable("event log", f"{counted(waiting, 'event')} waiting for it already", remedy)
            insert = "INSERT OR IGNORE INTO outbox (topic, key, id, value, accepted_at) VALUES (?, ?, ?, ?, ?)"
            return connection.executemany(insert, rows).rowcount

    def oldest(self, limit: int) -> list[Waiting]:
        """The events that have waited longest, in the order in which they came."""
        with self._lock, self._translated():
            rows = self._connection.execute("SELECT * FROM outbox ORDER BY place LIMIT ?", (limit,)).fetchall()
        return [Waiting(place, topic, Record(key, id_, value, at)) for place, topic, key, id_, value, at in rows]

    def forget(self, place: int) -> None:
        """Remove everything up to this place: the log has it."""
        with self._lock, self._translated(), self._connection as connection:
            connection.execute("DELETE FROM outbox WHERE place <= ?", (place,))

    def quarantine(self, place: int, reason: str) -> None:
        """Copy the event into the table `quarantine`, for people; it stays in the outbox until its place is forgotten."""
        copied = "SELECT topic, key, id, value, accepted_at, ? FROM outbox WHERE place = ?"
        with self._lock, self._translated(), self._connection as connection:
            connection.execute(f"INSERT OR REPLACE INTO quarantine {copied}", (reason, place))

    def is_empty(self) -> bool:
        with self._lock, self._translated():
            return self._count(self._connection) == 0

    def state(self) -> tuple[int, float | None]:
        """How many events wait, and since when (Unix seconds) the oldest does."""
        with self._lock, self._translated():
            oldest = self._connection.execute("SELECT accepted_at FROM outbox ORDER BY place LIMIT 1").fetchone()
            return self._count(self._connection), oldest[0] if oldest else None

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @staticmethod
    def _count(connection: sqlite3.Connection) -> int:
        """Events leave in the order in which they came, so the distance between the first and the last is their number."""
        return int(connection.execute("SELECT COALESCE(MAX(place) - MIN(place) + 1, 0) FROM outbox").fetchone()[0])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageFull("event log", f"outbox {self._path}: {error}", "free disk space or fix the permissions") from error
