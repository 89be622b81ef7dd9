"""What Gorse's API gives back and Marquee has no place for: labels, comments, feedback by its type. One SQLite file of the home.

It decides nothing: lists come from events and items, which go to the log and the lake. A write is on disk when it returns, and
the next read sees it, as clients of Gorse expect.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from core.errors import DependencyUnavailable, StorageFull
from serving.gorse.records import Feedback, Item, User

RECORDS = "records.db"  # in the folder `gorse` of the home
_TABLES = """
CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, labels TEXT, comment TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    item_id TEXT PRIMARY KEY, is_hidden INTEGER NOT NULL, categories TEXT, timestamp REAL, labels TEXT, comment TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deleted_items (item_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS feedback (
    feedback_type TEXT, user_id TEXT, item_id TEXT, value REAL NOT NULL, timestamp REAL, comment TEXT NOT NULL, updated REAL,
    PRIMARY KEY (feedback_type, user_id, item_id));
CREATE INDEX IF NOT EXISTS feedback_of_user ON feedback (user_id);
CREATE INDEX IF NOT EXISTS feedback_of_item ON feedback (item_id);
"""
_FIELDS = "feedback_type, user_id, item_id, value, timestamp, comment, updated"
_INSERT = f"INSERT INTO feedback ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET comment = excluded.comment, "
_OVERWRITE = _INSERT + "value = excluded.value, timestamp = excluded.timestamp, updated = excluded.updated"
_ADD = _INSERT + "value = value + excluded.value, updated = excluded.updated"


class GorseStore:
    """Thread-safe; any number of processes may hold one on the same file. All raise StorageFull and DependencyUnavailable."""

    def __init__(self, path: Path, busy_timeout: float = 5.0) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    # users

    def put_users(self, users: Sequence[User]) -> None:
        rows = [(one.user_id, _packed(one.labels), one.comment) for one in users]
        with self._writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO users VALUES (?, ?, ?)", rows)

    def user(self, user_id: str) -> User | None:
        found = self._rows("SELECT * FROM users WHERE user_id = ?", user_id)
        return _user(found[0]) if found else None

    def users(self, after: str, limit: int) -> list[User]:
        """By id, those behind `after`."""
        return [_user(row) for row in self._rows("SELECT * FROM users WHERE user_id > ? ORDER BY user_id LIMIT ?", after, limit)]

    def forget_user(self, user_id: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM users WHERE user_id = ?", (user_id,))
            connection.execute("DELETE FROM feedback WHERE user_id = ?", (user_id,))

    # items

    def put_items(self, items: Sequence[Item]) -> None:
        rows = [
            (one.item_id, one.is_hidden, _packed(one.categories), one.timestamp, _packed(one.labels), one.comment)
            for one in items
        ]
        with self._writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)", rows)
            connection.executemany("DELETE FROM deleted_items WHERE item_id = ?", [(one.item_id,) for one in items])

    def item(self, item_id: str) -> Item | None:
        found = self._rows("SELECT * FROM items WHERE item_id = ?", item_id)
        return _item(found[0]) if found else None

    def items(self, item_ids: Sequence[str] | None = None) -> dict[str, Item]:
        """These, as far as they are here; all if left out."""
        if item_ids is None:
            return {row[0]: _item(row) for row in self._rows("SELECT * FROM items")}
        rows = self._rows(
            "SELECT * FROM items WHERE item_id IN (SELECT value FROM json_each(?))", orjson.dumps(item_ids).decode()
        )
        return {row[0]: _item(row) for row in rows}

    def deleted(self) -> set[str]:
        """Ids of items that were deleted: the catalogue still has them, hidden."""
        return {row[0] for row in self._rows("SELECT item_id FROM deleted_items")}

    def delete_item(self, item_id: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM items WHERE item_id = ?", (item_id,))
            connection.execute("DELETE FROM feedback WHERE item_id = ?", (item_id,))
            connection.execute("INSERT OR REPLACE INTO deleted_items VALUES (?)", (item_id,))

    # feedback

    def put_feedback(self, feedback: Sequence[Feedback], overwrite: bool) -> None:
        """What is there already is overwritten, or its value is added to. Users that are unknown are inserted."""
        rows = [
            (one.feedback_type, one.user_id, one.item_id, one.value, one.timestamp, one.comment, one.updated) for one in feedback
        ]
        with self._writing() as connection:
            connection.executemany(_OVERWRITE if overwrite else _ADD, rows)
            connection.executemany("INSERT OR IGNORE INTO users VALUES (?, 'null', '')", [(one.user_id,) for one in feedback])

    def feedback(self, **wanted: str) -> list[Feedback]:
        """With these values of `feedback_type`, `user_id` and `item_id`; the latest first."""
        where = " AND ".join(f"{name} = ?" for name in wanted) or "1"
        rows = self._rows(f"SELECT {_FIELDS} FROM feedback WHERE {where} ORDER BY timestamp DESC", *wanted.values())
        return [Feedback(*row) for row in rows]

    def page_of_feedback(self, feedback_type: str, after: Sequence[str], limit: int) -> list[Feedback]:
        """In the order of type, user and item, those behind `after`; of one type unless it is empty."""
        place = tuple(after) or ("", "", "")
        wanted = "AND feedback_type = ?" if feedback_type else ""
        behind = "(feedback_type, user_id, item_id) > (?, ?, ?)"
        query = f"SELECT {_FIELDS} FROM feedback WHERE {behind} {wanted} ORDER BY 1, 2, 3 LIMIT ?"
        return [Feedback(*row) for row in self._rows(query, *place, *([feedback_type] if feedback_type else []), limit)]

    def delete_feedback(self, **wanted: str) -> int:
        """How many there were."""
        where = " AND ".join(f"{name} = ?" for name in wanted)
        with self._writing() as connection:
            return connection.execute(f"DELETE FROM feedback WHERE {where}", tuple(wanted.values())).rowcount

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._translated():
            return self._connection().execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._translated(), self._connection() as connection:
            yield connection

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            opened = sqlite3.connect(self._path, timeout=self._busy_timeout, check_same_thread=False)
            opened.execute("PRAGMA journal_mode = WAL")
            opened.execute("PRAGMA secure_delete = ON")  # who is erased is overwritten
            opened.executescript(_TABLES)
            self._opened = opened
        return self._opened

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                full = isinstance(error, OSError) or any(word in str(error) for word in ("full", "readonly", "disk I/O"))
                kind = StorageFull if full else DependencyUnavailable
                raise kind("the records of Gorse's API", f"{self._path}: {error}", "free space or fix the permissions") from error


def _packed(value: object) -> str:
    return orjson.dumps(value).decode()


def _user(row: Sequence[Any]) -> User:
    return User(row[0], orjson.loads(row[1]), row[2])


def _item(row: Sequence[Any]) -> Item:
    item_id, hidden, categories, timestamp, labels, comment = row
    names = orjson.loads(categories)
    return Item(item_id, bool(hidden), None if names is None else tuple(names), timestamp, orjson.loads(labels), comment)
