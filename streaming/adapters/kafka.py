"""The event log on Kafka, through kafka-python.

Kafka cannot refuse a record whose id it has, so the port's promise is kept on both sides within a window: a producer
remembers the last ids that it appended and leaves them out, and a subscription leaves out the last ids that it handed
over. A repeat that outlives both windows (another process, much later) reaches the consumer. Nothing is counted twice by
that for a redelivery of the same offset, which the feature fold and the lake's writer transactions know by its place.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from core.errors import DependencyUnavailable
from core.ports import LoggedRecord, Record

ID = "id"  # the header that carries a record's id
_WINDOW = 100_000  # ids remembered on each side


class Window:
    """The last ids, in the order in which they came."""

    def __init__(self, size: int = _WINDOW) -> None:
        self._size = size
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()

    def has(self, topic: str, id_: str) -> bool:
        return (topic, id_) in self._ids

    def add(self, topic: str, id_: str) -> None:
        self._ids[topic, id_] = None
        while len(self._ids) > self._size:
            self._ids.popitem(last=False)


class KafkaEventLog:
    """EventLog on Kafka: keyed by user, acknowledged by all replicas, idempotent producer. Thread-safe."""

    def __init__(self, bootstrap: str, partitions: int = 6, timeout: float = 5.0) -> None:
        """`partitions` of a topic that does not exist yet; `timeout` bounds each call, in seconds. Connects on first use."""
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._timeout = timeout
        self._lock = threading.Lock()
        self._known = Window()
        self._topics: set[str] = set()
        self._producer: KafkaProducer | None = None

    def append(self, topic: str, records: Sequence[Record]) -> int:
        """Acknowledged by every replica when it returns. Raises DependencyUnavailable; then repeat the same records."""
        with self._lock, _translated(self._bootstrap):
            producer = self._connected()
            self._ensure(topic)
            fresh = list({record.id: record for record in records if not self._known.has(topic, record.id)}.values())
            sent = [
                producer.send(topic, record.value, key=record.key.encode(), headers=[(ID, record.id.encode())])
                for record in fresh
            ]
            for future, record in zip(sent, fresh, strict=True):
                future.get(timeout=self._timeout)
                self._known.add(topic, record.id)
            return len(fresh)

    def subscribe(self, topic: str, group: str) -> KafkaSubscription:
        with self._lock, _translated(self._bootstrap):
            self._ensure(topic)
            return KafkaSubscription(self._bootstrap, topic, group, self._timeout)

    def close(self) -> None:
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=self._timeout)
                self._producer = None

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            milliseconds = int(self._timeout * 1000)
            self._producer = KafkaProducer(
                bootstrap_servers=self._bootstrap,
                acks="all",
                enable_idempotence=True,
                compression_type="gzip",
                linger_ms=1,
                max_block_ms=milliseconds,
                request_timeout_ms=milliseconds,
                delivery_timeout_ms=milliseconds + 100,
                bootstrap_timeout_ms=milliseconds,
            )
        return self._producer

    def _ensure(self, topic: str) -> None:
        """The topic, made if it is not there: `marquee.interactions` must not depend on the broker's auto-creation."""
        if topic in self._topics:
            return
        milliseconds = int(self._timeout * 1000)
        admin = KafkaAdminClient(
            bootstrap_servers=self._bootstrap, request_timeout_ms=milliseconds, bootstrap_timeout_ms=milliseconds
        )
        try:
            if topic not in admin.list_topics():
                admin.create_topics([NewTopic(topic, num_partitions=self._partitions, replication_factor=1)])
        except TopicAlreadyExistsError:
            pass  # another process was faster
        finally:
            admin.close()
        self._topics.add(topic)


class KafkaSubscription(ConsumerRebalanceListener):  # type: ignore[misc]
    """One group's place in one topic. Not thread-safe: a thread has its own."""

    def __init__(self, bootstrap: str, topic: str, group: str, timeout: float) -> None:
        milliseconds = int(timeout * 1000)
        self._bootstrap = bootstrap
        self._handed = Window()
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            request_timeout_ms=max(milliseconds, 11_000),
            bootstrap_timeout_ms=milliseconds,
        )
        self._consumer.subscribe([topic], listener=self)

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002
        """What was polled there but not committed will be handed to somebody else, or again to us: not repeats then."""
        self._handed = Window()

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Nothing to do: positions are the group's committed ones."""

    def poll(self, limit: int, timeout: float) -> list[LoggedRecord]:
        """Raises DependencyUnavailable."""
        deadline = time.monotonic() + timeout
        with _translated(self._bootstrap):
            while True:
                left = max(0.0, deadline - time.monotonic())
                batches = self._consumer.poll(timeout_ms=int(left * 1000), max_records=limit)
                records = [record for batch in batches.values() for record in map(_logged, batch) if self._is_new(record)]
                if records or left <= 0:
                    return records

    def commit(self) -> None:
        with _translated(self._bootstrap):
            self._consumer.commit()

    def close(self) -> None:
        self._consumer.close(autocommit=False)

    def _is_new(self, record: LoggedRecord) -> bool:
        if self._handed.has(record.topic, record.id):
            return False
        self._handed.add(record.topic, record.id)
        return True


def _logged(record: object) -> LoggedRecord:
    """kafka-python's record in Marquee's terms. A record without our header came from elsewhere: its place is its id."""
    headers = dict(record.headers)  # type: ignore[attr-defined]
    place = f"{record.partition}-{record.offset}"  # type: ignore[attr-defined]
    return LoggedRecord(
        topic=record.topic,  # type: ignore[attr-defined]
        partition=record.partition,  # type: ignore[attr-defined]
        offset=record.offset,  # type: ignore[attr-defined]
        key=(record.key or b"").decode(errors="replace"),  # type: ignore[attr-defined]
        id=headers[ID].decode() if ID in headers else place,
        value=record.value or b"",  # type: ignore[attr-defined]
        appended_at=record.timestamp / 1000.0,  # type: ignore[attr-defined]
    )


@contextmanager
def _translated(bootstrap: str) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no detail'}"
        raise DependencyUnavailable("kafka", f"{bootstrap}: {reason}", "start it (make kafka) or mend the address") from error
