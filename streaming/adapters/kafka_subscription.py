"""A consumer group's place in a topic, which skips repeats.

Whether a record is a repeat depends on the log alone: it is one if its id is among the `window` records before it in its
partition. Whoever reads the partition next, after a crash or a rebalance, first goes back by a window to fill its memory, so
that it decides as its predecessor did. One user's events share a partition, and so do an event and its repeat.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, RebalanceInProgressError

from core.ports import LoggedRecord
from streaming.adapters.kafka_sdk import connection, logged, opened, translated

WINDOW = 20_000  # records of a partition
_VIEW_SECONDS = 10  # how old a client's view of the cluster may be, and so a group's of a topic that grew
_log = logging.getLogger(__name__)


class Recent:
    """The ids of the last records of one partition, and where they were last."""

    def __init__(self, start: int, window: int = WINDOW) -> None:
        """`start`: the offset from which on records are handed over; those before it are only remembered."""
        self.start = start
        self._window = window
        self._seen: OrderedDict[str, int] = OrderedDict()
        self.next = start  # the offset after the last record taken in
        self.filling = True

    def is_new(self, record: LoggedRecord) -> bool:
        """Remember the record, and return whether it is to be handed over."""
        before = self._seen.pop(record.id, None)
        self._seen[record.id] = record.offset
        while next(iter(self._seen.values())) < record.offset - self._window:
            self._seen.popitem(last=False)
        self.next = max(self.next, record.offset + 1)
        if record.offset < self.start:
            return False
        self.filling = False
        return before is None or record.offset - before > self._window


class KafkaSubscription(ConsumerRebalanceListener):  # type: ignore[misc]
    """One group's place in one topic. Not thread-safe: a thread has its own."""

    def __init__(self, bootstrap: str, topic: str, group: str, timeout: float, member: str = "", window: int = WINDOW) -> None:
        """`member`: see `KafkaEventLog`; `window`: among how many earlier records of its partition a repeat is recognised."""
        self._bootstrap = bootstrap
        self._timeout = timeout
        self._window = window
        self._recent: dict[TopicPartition, Recent] = {}
        self._polled: dict[TopicPartition, int] = {}  # the offsets that a commit will commit
        self._consumer = opened(
            KafkaConsumer,
            **connection(bootstrap, timeout) | {"request_timeout_ms": max(int(timeout * 1000), 11_000)},
            group_id=group,
            # Kafka takes two members of a group with the same name for one that came back
            group_instance_id=f"{member}.{topic}" if member else None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            metadata_max_age_ms=_VIEW_SECONDS * 1000,
            metrics_enabled=False,
        )
        # a leader that assigns before it knows the partitions gives nobody any, until its view of the cluster is renewed
        self._consumer.partitions_for_topic(topic)
        self._consumer.subscribe([topic], listener=self)

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """The partitions may go to another member, or come back to this one: then the client goes on where it was reading.

        Where a memory was being filled, that is before what the group has handled, so the filling begins anew.
        """
        for place in revoked:
            self._polled.pop(place, None)
            if place in self._recent and self._recent[place].filling:
                self._consumer.seek(place, self._recent.pop(place).start)

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Nothing to do: positions are the group's committed ones."""

    def poll(self, limit: int, timeout: float) -> list[LoggedRecord]:
        """Raises DependencyUnavailable."""
        deadline = time.monotonic() + timeout
        with translated(self._bootstrap):
            self._join()
            while True:
                left = max(0.0, deadline - time.monotonic())
                batches = self._consumer.poll(timeout_ms=int(left * 1000), max_records=limit)
                records = [one for place, batch in batches.items() for one in self._new(place, batch)]
                if records or left <= 0:
                    return records

    def commit(self) -> None:
        """Raises DependencyUnavailable. A member that its group has removed, because its effects took too long or the
        machine slept, gets no error: only its next poll can rejoin, and what was polled comes again, to it or to another.
        """
        places = {place: OffsetAndMetadata(offset, "", -1) for place, offset in self._polled.items()}
        with translated(self._bootstrap):
            try:
                self._consumer.commit(places, timeout_ms=int(self._timeout * 1000))
            except (CommitFailedError, RebalanceInProgressError) as error:
                _log.warning("the group went on without this member; what it polled comes again: %s", error)
            self._polled.clear()

    def lag(self) -> int:
        lag = 0
        for place in self._consumer.assignment():
            end, recent = self._consumer.highwater(place), self._recent.get(place)
            if end is not None and recent is not None:
                lag += max(0, end - recent.next)
        return lag

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=int(self._timeout * 1000))

    def _join(self) -> None:
        """Be a member of the group, however short the polls are; `timeout` seconds at most.

        kafka-python (3.0.12) loses a join that a poll's timeout cuts off: its answer is never taken up, and when the answer
        makes `need_rejoin` false, the member sends no heartbeat, is put out of the group and reads nothing ever again.
        """
        coordinator = self._consumer._coordinator
        if coordinator.rejoining:
            coordinator.rejoin_needed = True
        if coordinator.need_rejoin():
            coordinator.ensure_active_group(timeout_ms=int(self._timeout * 1000))

    def _new(self, place: TopicPartition, batch: Sequence[Any]) -> list[LoggedRecord]:
        """The records of the batch that are not repeats; none when the partition has to be read from an earlier offset first."""
        first = batch[0].offset
        recent = self._recent.get(place)
        if recent is None or not (recent.filling or recent.next == first):
            self._recent[place] = recent = Recent(first, self._window)
            if first > 0:
                self._consumer.seek(place, max(0, first - self._window))
                return []
        new = [one for one in map(logged, batch) if recent.is_new(one)]
        if not recent.filling:
            self._polled[place] = recent.next
        return new
