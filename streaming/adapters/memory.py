"""The in-memory event log: for tests and for trying things out. Nothing survives the process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

from core.ports import LoggedRecord, Record


class MemoryEventLog:
    """EventLog in lists. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: dict[str, list[LoggedRecord]] = defaultdict(list)
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._progress: dict[tuple[str, str], int] = {}

    def append(self, topic: str, records: Sequence[Record]) -> int:
        with self._changed:
            known, log = self._ids[topic], self._records[topic]
            before = len(log)
            for record in records:
                if record.id not in known:
                    known.add(record.id)
                    at = time.time() if record.accepted_at is None else record.accepted_at
                    place = (topic, 0, len(log) + 1)
                    log.append(LoggedRecord(*place, record.key, record.id, record.value, at, record.traceparent))
            self._changed.notify_all()
            return len(log) - before

    def subscribe(self, topic: str, group: str) -> MemorySubscription:
        return MemorySubscription(self, topic, group)

    def read(self, topic: str) -> Iterator[LoggedRecord]:
        with self._changed:
            return iter(self._records[topic][:])

    def waiting(self, topic: str, group: str) -> int:
        return self.end(topic) - self.progress(topic, group)

    def close(self) -> None:
        """Nothing to give back."""

    def wait_after(self, topic: str, offset: int, limit: int, timeout: float) -> list[LoggedRecord]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._records[topic]) > offset, timeout)
            return self._records[topic][offset : offset + limit]

    def end(self, topic: str) -> int:
        """The offset of the newest record, 0 without one."""
        with self._changed:
            return len(self._records[topic])

    def progress(self, topic: str, group: str) -> int:
        with self._changed:
            return self._progress.get((topic, group), 0)

    def advance(self, topic: str, group: str, offset: int) -> None:
        with self._changed:
            self._progress[topic, group] = offset


class MemorySubscription:
    """One group's place in one topic."""

    def __init__(self, log: MemoryEventLog, topic: str, group: str) -> None:
        self._log = log
        self._topic = topic
        self._group = group
        self._position = log.progress(topic, group)

    def poll(self, limit: int, timeout: float) -> list[LoggedRecord]:
        records = self._log.wait_after(self._topic, self._position, limit, timeout)
        if records:
            self._position = records[-1].offset
        return records

    def commit(self) -> None:
        self._log.advance(self._topic, self._group, self._position)

    def lag(self) -> int:
        return self._log.end(self._topic) - self._position

    def close(self) -> None:
        """Nothing to give back."""
