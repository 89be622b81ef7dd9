"""The event log on Kafka, through kafka-python.

Kafka cannot refuse a record whose id it has, so duplicates are removed on both sides within a window: a producer
remembers the last ids that it appended and skips them, and a subscription skips what was in the log a moment ago
(`kafka_subscription`). A repeat that outlives both windows (another process, much later) reaches the consumer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from types import MappingProxyType
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    KafkaTimeoutError,
    NotCoordinatorError,
)

from core.ports import LoggedRecord, Record
from streaming.adapters.kafka_sdk import (
    ID,
    MAX_REQUEST_BYTES,
    TRACEPARENT,
    Deadline,
    close_producer,
    connection,
    logged,
    opened,
    translated,
)
from streaming.adapters.kafka_subscription import KafkaSubscription
from streaming.adapters.kafka_topics import backlog, create
from streaming.topics import SPECS, TopicSpec

# the network layer logs each lost connection with its traceback, and what comes of it is raised here anyway
logging.getLogger("kafka.net").setLevel(logging.CRITICAL)

_REMEMBERED = 100_000  # ids of appended records
_NO_COORDINATOR = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
_NAP = 0.1  # seconds between two questions for what a broker does not have yet
_MONTH = 30 * 86_400.0
_BY_NAME: Mapping[str, TopicSpec] = MappingProxyType({spec.name: spec for spec in SPECS})


class KafkaEventLog:
    """EventLog on Kafka: keyed by user, acknowledged by all replicas, idempotent producer. Thread-safe."""

    def __init__(self, bootstrap: str, partitions: int = 6, timeout: float = 5.0, member: str = "") -> None:
        """Connects on first use.

        `partitions` of a topic that has no spec; `timeout` bounds each call, in seconds. `member` names this process among
        its consumer groups: one that comes back under its name gets its partitions at once, without it after a session
        time-out of ten seconds. Two processes must not share a name.
        """
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._timeout = timeout
        self._member = member
        self._lock = threading.Lock()
        self._appended: OrderedDict[tuple[str, str], Any] = OrderedDict()  # (topic, id) -> None, or a future
        self._topics: set[str] = set()
        self._producer: KafkaProducer | None = None
        self._admin: KafkaAdminClient | None = None

    def append(self, topic: str, records: Sequence[Record]) -> int:
        """Acknowledged by every replica when it returns.

        Raises DependencyUnavailable: then repeat the same records. Raises InvalidInput for one that is too large. With no
        records it checks that the broker answers.
        """
        places = [(topic, record.id) for record in records]
        producer = None
        with translated(self._bootstrap):
            try:
                with self._turn():
                    producer = self._ready(topic, ask=not records)
                    new = sum(self._send(producer, topic, record) for record in records)
                    under_way = [self._appended[place] for place in places if self._appended[place] is not None]
                deadline = Deadline(self._timeout)
                for future in under_way:
                    future.get(timeout=deadline.left)
            except KafkaError:
                self._start_over(producer)
                raise
        self._remember(places)
        return new

    def subscribe(self, topic: str, group: str) -> KafkaSubscription:
        with translated(self._bootstrap):
            with self._lock:
                self._ready(topic, ask=False)
            return KafkaSubscription(self._bootstrap, topic, group, self._timeout, self._member)

    def read(self, topic: str) -> Iterator[LoggedRecord]:
        with translated(self._bootstrap):
            with self._lock:
                self._ready(topic, ask=False)
            with closing(opened(KafkaConsumer, **connection(self._bootstrap, self._timeout), metrics_enabled=False)) as consumer:
                places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
                ends = consumer.end_offsets(places)
                consumer.assign(places)
                consumer.seek_to_beginning(*places)
                yield from self._until(consumer, ends)

    def waiting(self, topic: str, group: str) -> int:
        """Of a partition that the group never committed, everything that it has."""
        with translated(self._bootstrap), self._turn():
            self._ready(topic, ask=False)
            if self._admin is None:
                raise KafkaTimeoutError("the connection was closed")
            deadline = Deadline(self._timeout)
            while True:
                try:
                    return backlog(self._admin, topic, group)
                except _NO_COORDINATOR:  # a broker's first group: it makes the topic for their offsets now
                    if not deadline.left:
                        raise
                    time.sleep(_NAP)

    def close(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
            admin, self._admin = self._admin, None
        if producer is not None:
            close_producer(producer, self._timeout)
        if admin is not None:
            admin.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The lock. Whoever has it may wait for a broker that does not answer: that is no reason to wait for longer than for a
        call, and none to replace the producer, which others have just made."""
        if not self._lock.acquire(timeout=self._timeout):
            raise KafkaTimeoutError(f"others have been connecting for {self._timeout:.1f} s")
        try:
            yield
        finally:
            self._lock.release()

    def _send(self, producer: KafkaProducer, topic: str, record: Record) -> bool:
        """Send the record unless it is known: in the log, or being sent by another thread. Returns whether it is new."""
        place = (topic, record.id)
        if place in self._appended:
            return False
        at = None if record.accepted_at is None else int(record.accepted_at * 1000)
        headers = [(ID, record.id.encode())]
        if record.traceparent:
            headers.append((TRACEPARENT, record.traceparent.encode()))
        value = record.value or None  # no value is Kafka's tombstone
        self._appended[place] = producer.send(topic, value, key=record.key.encode(), headers=headers, timestamp_ms=at)
        return True

    def _remember(self, places: Sequence[tuple[str, str]]) -> None:
        with self._lock:
            self._appended.update(dict.fromkeys(places))
            while len(self._appended) > _REMEMBERED:
                self._appended.popitem(last=False)

    def _start_over(self, failed: Any) -> None:
        """Replace a producer that failed: it may refuse everything from then on, and what it will still deliver is unknown."""
        if failed is None:
            return
        with self._lock:
            current = self._producer is failed
            if not current:
                return
            self._producer = None
            self._appended = OrderedDict((place, None) for place, under_way in self._appended.items() if under_way is None)
        close_producer(failed, 0)

    def _ready(self, topic: str, ask: bool) -> KafkaProducer:
        """A connected producer, and the topic there: it must not depend on the broker's auto-creation."""
        if self._producer is not None and topic in self._topics and not ask:
            return self._producer
        if self._admin is None:
            self._admin = opened(KafkaAdminClient, **connection(self._bootstrap, self._timeout))
        if topic in self._topics:
            self._admin.describe_topics([topic])
        else:
            create(self._admin, [_BY_NAME.get(topic, TopicSpec(topic, self._partitions, retention=_MONTH))])
            self._topics.add(topic)
        if self._producer is None:
            self._producer = self._connected()
        return self._producer

    def _connected(self) -> KafkaProducer:
        milliseconds = int(self._timeout * 1000)
        return opened(
            KafkaProducer,
            **connection(self._bootstrap, self._timeout),
            acks="all",
            enable_idempotence=True,
            compression_type="gzip",
            linger_ms=1,
            max_block_ms=milliseconds,
            max_request_size=MAX_REQUEST_BYTES,
            delivery_timeout_ms=milliseconds + 100,
            metrics_enabled=False,
        )

    def _until(self, consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterator[LoggedRecord]:
        """What lies before these offsets."""
        waited = time.monotonic()
        while any(consumer.position(place) < end for place, end in ends.items()):
            batches = consumer.poll(timeout_ms=200)
            for place, batch in batches.items():
                yield from (logged(record) for record in batch if record.offset < ends[place])
            if batches:
                waited = time.monotonic()
            elif time.monotonic() - waited > self._timeout:
                raise KafkaTimeoutError(f"no records within {self._timeout:.1f} s")
