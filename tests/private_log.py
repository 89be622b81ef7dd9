"""An event log whose topics and groups are a test's own: a broker keeps those of earlier tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.ports import EventLog, LoggedRecord, Record, Subscription


class PrivateLog:
    """EventLog that prefixes every topic and group."""

    def __init__(self, log: EventLog, prefix: str, group_prefix: str = "") -> None:
        """`group_prefix` is `prefix` if left out; with another one the same topics are read as somebody else."""
        self._log = log
        self._prefix = prefix
        self._group_prefix = group_prefix or prefix
        self._subscriptions: list[Subscription] = []

    def append(self, topic: str, records: Sequence[Record]) -> int:
        return self._log.append(f"{self._prefix}.{topic}", records)

    def subscribe(self, topic: str, group: str) -> Subscription:
        self._subscriptions.append(self._log.subscribe(f"{self._prefix}.{topic}", f"{self._group_prefix}.{group}"))
        return self._subscriptions[-1]

    def read(self, topic: str) -> Iterator[LoggedRecord]:
        return self._log.read(f"{self._prefix}.{topic}")

    def waiting(self, topic: str, group: str) -> int:
        return self._log.waiting(f"{self._prefix}.{topic}", f"{self._group_prefix}.{group}")

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        self._log.close()
