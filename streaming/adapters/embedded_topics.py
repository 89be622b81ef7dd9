"""Retention of the embedded log: removes old and surplus records, but never one that a group has yet to commit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from core.ports import Clock
from streaming.adapters.embedded import open_log, translated
from streaming.topics import Change, TopicSpec

_ALL = 2**63 - 1  # beyond every offset
_CHUNK = 5000  # records of one transaction: appends wait for it

# Letters that were replayed or dropped go with the records that say so.
_EXPIRED = """
WITH closed AS MATERIALIZED (
    SELECT key, MAX(offset) AS last FROM log WHERE :compacted AND topic = :topic AND length(value) = 0 GROUP BY key)
SELECT offset FROM log WHERE topic = :topic AND offset <= :done AND (
    offset <= :cutoff OR EXISTS (SELECT 1 FROM closed WHERE closed.key = log.key AND log.offset <= closed.last))
ORDER BY offset
"""
_LAST_BY_AGE = "SELECT MIN(offset) - 1 FROM log WHERE topic = ? AND appended_at >= ?"
_LAST_BY_SIZE = """
SELECT MAX(offset) FROM (
    SELECT offset, SUM(length(value)) OVER (ORDER BY offset DESC) AS from_here FROM log WHERE topic = ?)
WHERE from_here > ?
"""


class EmbeddedTopics:
    """TopicAdmin of the embedded log. Its topics need not be created, so it changes only how much they keep."""

    def __init__(self, path: Path, clock: Clock = time.time, busy_timeout: float = 5.0) -> None:
        self._path = path
        self._clock = clock
        self._busy_timeout = busy_timeout

    def plan(self, specs: Sequence[TopicSpec]) -> list[Change]:
        with translated(self._path), closing(open_log(self._path, self._busy_timeout)) as connection:
            return [change for spec in specs if (change := self._change(connection, spec))]

    def apply(self, specs: Sequence[TopicSpec]) -> list[Change]:
        """Freed pages are used again by later events; the file itself does not shrink."""
        with translated(self._path), closing(open_log(self._path, self._busy_timeout)) as connection:
            planned = [change for spec in specs if (change := self._change(connection, spec))]
            for spec in specs:
                self._delete(connection, spec)
            return planned

    def _change(self, connection: sqlite3.Connection, spec: TopicSpec) -> Change | None:
        count = f"SELECT COUNT(*) FROM ({_EXPIRED})"
        expired = connection.execute(count, self._values(connection, spec)).fetchone()[0]
        if not expired:
            return None
        held = connection.execute("SELECT COUNT(*) FROM log WHERE topic = ?", (spec.name,)).fetchone()[0]
        return Change(spec.name, "records", str(held), str(held - expired))

    def _delete(self, connection: sqlite3.Connection, spec: TopicSpec) -> None:
        values = self._values(connection, spec) | {"chunk": _CHUNK}
        deleted = _CHUNK
        while deleted == _CHUNK:
            with connection:
                deleted = connection.execute(f"DELETE FROM log WHERE offset IN ({_EXPIRED} LIMIT :chunk)", values).rowcount

    def _values(self, connection: sqlite3.Connection, spec: TopicSpec) -> dict[str, object]:
        """The parameters of `_EXPIRED`. As in Kafka, all records up to an offset are removed, even younger ones among them."""
        return {
            "topic": spec.name,
            "done": _committed(connection, spec),
            "cutoff": max(self._last_by_age(connection, spec), _last_by_size(connection, spec)),
            "compacted": spec.compacted,
        }

    def _last_by_age(self, connection: sqlite3.Connection, spec: TopicSpec) -> int:
        found = connection.execute(_LAST_BY_AGE, (spec.name, self._clock() - spec.retention)).fetchone()[0]
        return _ALL if found is None else int(found)


def _last_by_size(connection: sqlite3.Connection, spec: TopicSpec) -> int:
    if spec.max_bytes is None:
        return 0
    return int(connection.execute(_LAST_BY_SIZE, (spec.name, spec.max_bytes)).fetchone()[0] or 0)


def _committed(connection: sqlite3.Connection, spec: TopicSpec) -> int:
    """The offset up to which every group is done: those that the spec awaits and any other that ever committed."""
    known = dict(connection.execute("SELECT grp, offset FROM progress WHERE topic = ?", (spec.name,)))
    return min((known.get(group, 0) for group in {*spec.awaited, *known}), default=_ALL)
