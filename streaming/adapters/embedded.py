"""The embedded event log: one SQLite database that several processes append to and read from (decision 2)."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from core.errors import DependencyUnavailable, StorageFull
from core.ports import LoggedRecord, Record

# Seconds between two polls for other processes' appends, doubling while there is nothing new: a poll costs microseconds
_MIN_NAP, _MAX_NAP = 0.001, 0.01
_PAGE = 1000  # records of one query while a whole topic is read
_MAX_COUNTED = 100_000
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
        """On disk (fsync) when it returns; a record whose id is already in the topic is skipped.

        Raises StorageFull when the disk refuses, DependencyUnavailable when another writer holds the file too long.
        """
        now = time.time()
        rows = [(topic, r.key, r.id, r.value, now if r.accepted_at is None else r.accepted_at) for r in records]
        with self._lock, translated(self._path):
            connection = self._connected()
            with connection:  # commits, or rolls back whole
                insert = "INSERT OR IGNORE INTO log (topic, key, id, value, appended_at) VALUES (?, ?, ?, ?, ?)"
                return connection.executemany(insert, rows).rowcount

    def subscribe(self, topic: str, group: str) -> EmbeddedSubscription:
        with translated(self._path):
            return EmbeddedSubscription(open_log(self._path, self._busy_timeout), self._path, topic, group)

    def read(self, topic: str) -> Iterator[LoggedRecord]:
        with translated(self._path), closing(open_log(self._path, self._busy_timeout)) as connection:
            at = 0
            while page := _page(connection, topic, at, _PAGE):
                yield from page
                at = page[-1].offset

    def waiting(self, topic: str, group: str) -> int:
        with closing(self.subscribe(topic, group)) as subscription:
            return subscription.lag()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_log(self._path, self._busy_timeout)
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
        nap = _MIN_NAP
        with translated(self._path):
            while True:
                version = self._data_version()
                if records := _page(self._connection, self._topic, self._position, limit):
                    self._position = records[-1].offset
                    return records
                while self._data_version() == version:
                    if (left := deadline - time.monotonic()) <= 0:
                        return []
                    time.sleep(min(nap, left))
                    nap = min(2 * nap, _MAX_NAP)

    def commit(self) -> None:
        with translated(self._path), self._connection:
            self._connection.execute(
                "INSERT INTO progress VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
                (self._topic, self._group, self._position),
            )

    def lag(self) -> int:
        """Counted up to a hundred thousand: beyond that, the exact number is of no use and costs a scan."""
        waiting = "SELECT COUNT(*) FROM (SELECT 1 FROM log WHERE topic = ? AND offset > ? LIMIT ?)"
        with translated(self._path):
            return int(self._connection.execute(waiting, (self._topic, self._position, _MAX_COUNTED)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()

    def _data_version(self) -> int:
        """Changes when another connection, in this process or another, commits; costs microseconds."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def _page(connection: sqlite3.Connection, topic: str, after: int, limit: int) -> list[LoggedRecord]:
    rows = connection.execute(
        "SELECT offset, key, id, value, appended_at FROM log WHERE topic = ? AND offset > ? ORDER BY offset LIMIT ?",
        (topic, after, limit),
    )
    return [LoggedRecord(topic, 0, offset, key, id_, value, at) for offset, key, id_, value, at in rows]


def open_log(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """A connection to the log, created if needed. SQLite's busy timeout does not cover processes that create it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            return _connect(path, busy_timeout)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
        time.sleep(_MAX_NAP)


def _connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
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
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as Marquee's: StorageFull, else DependencyUnavailable."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, OSError) or any(word in str(error) for word in _FULL):
            raise StorageFull(
                "event log", f"{path}: {error}", "free disk space or fix the permissions; nothing was accepted"
            ) from error
        raise DependencyUnavailable("event log", f"{path}: {error}") from error
