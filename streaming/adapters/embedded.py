"""The embedded event log: one SQLite database that several processes append to and read from (decision 2)."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import DependencyUnavailable, StorageFull
from core.ports import LoggedRecord, Record

_NAP = 0.005  # seconds between two looks for other processes' appends: half a percent of one core
_FULL = ("full", "readonly", "read-only", "disk I/O", "unable to open")
_TABLES = """
CREATE TABLE IF NOT EXISTS log (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused, so that a group's commit stays true for ever
    topic TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, appended_at REAL NOT NULL,
    UNIQUE (topic, id)
);
CREATE INDEX IF NOT EXISTS log_by_topic ON log (topic, offset);
CREATE TABLE IF NOT EXISTS progress (topic TEXT, grp TEXT, offset INTEGER NOT NULL, PRIMARY KEY (topic, grp));
"""


class EmbeddedEventLog:
    """EventLog on SQLite. Thread-safe; any number of processes may hold one on the same file."""

    def __init__(self, path: Path, busy_timeout: float = 5.0) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def append(self, topic: str, records: Sequence[Record]) -> int:
        """On disk (fsync) when it returns; a record whose id the topic has is left out.

        Raises StorageFull when the disk refuses, DependencyUnavailable when another writer holds the file too long.
        """
        now = time.time()
        rows = [(topic, record.key, record.id, record.value, now) for record in records]
        with self._lock, _translated(self._path):
            connection = self._connected()
            with connection:  # commits, or rolls back whole
                insert = "INSERT OR IGNORE INTO log (topic, key, id, value, appended_at) VALUES (?, ?, ?, ?, ?)"
                return connection.executemany(insert, rows).rowcount

    def subscribe(self, topic: str, group: str) -> EmbeddedSubscription:
        with _translated(self._path):
            return EmbeddedSubscription(_open(self._path, self._busy_timeout), self._path, topic, group)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self._path, self._busy_timeout)
        return self._connection


class EmbeddedSubscription:
    """One group's place in one topic. Not thread-safe: a thread has its own."""

    def __init__(self, connection: sqlite3.Connection, path: Path, topic: str, group: str) -> None:
        self._connection = connection
        self._path = path
        self._topic = topic
        self._group = group
        place = "SELECT offset FROM progress WHERE topic = ? AND grp = ?"
        found = connection.execute(place, (topic, group)).fetchone()
        self._position: int = found[0] if found else 0

    def poll(self, limit: int, timeout: float) -> list[LoggedRecord]:
        """Raises DependencyUnavailable when the file cannot be read."""
        deadline = time.monotonic() + timeout
        with _translated(self._path):
            while True:
                version = self._data_version()
                if records := self._next(limit):
                    self._position = records[-1].offset
                    return records
                while self._data_version() == version:
                    if (left := deadline - time.monotonic()) <= 0:
                        return []
                    time.sleep(min(_NAP, left))

    def commit(self) -> None:
        with _translated(self._path), self._connection:
            self._connection.execute(
                "INSERT INTO progress VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
                (self._topic, self._group, self._position),
            )

    def close(self) -> None:
        self._connection.close()

    def _next(self, limit: int) -> list[LoggedRecord]:
        rows = self._connection.execute(
            "SELECT offset, key, id, value, appended_at FROM log WHERE topic = ? AND offset > ? ORDER BY offset LIMIT ?",
            (self._topic, self._position, limit),
        )
        return [LoggedRecord(self._topic, 0, offset, key, id_, value, at) for offset, key, id_, value, at in rows]

    def _data_version(self) -> int:
        """Changes when another connection, in this process or another, commits; costs microseconds."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def _open(path: Path, busy_timeout: float) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy_timeout, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, OSError) or any(word in str(error) for word in _FULL):
            raise StorageFull("event log", f"{path}: {error}", "free space or mend the rights; nothing was accepted") from error
        raise DependencyUnavailable("event log", f"{path}: {error}") from error
