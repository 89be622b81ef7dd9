"""What only Kafka has: groups that come and go, repeats that no broker refuses, limits that it enforces."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from kafka import KafkaProducer

from core.errors import DependencyRefused, DependencyUnavailable, InvalidInput
from core.ports import Record
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS
from streaming.adapters.kafka import KafkaEventLog
from streaming.adapters.kafka_subscription import KafkaSubscription
from streaming.adapters.kafka_topics import KafkaTopics
from streaming.loops.lake_loop import group_of
from streaming.topics import SPECS, TopicSpec

pytestmark = [
    pytest.mark.service("kafka"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
WAIT = 10.0


@pytest.fixture
def topic() -> str:
    return f"test.{uuid.uuid4().hex[:8]}"


@pytest.fixture
def log(kafka_bootstrap: str) -> Iterator[KafkaEventLog]:
    made = KafkaEventLog(kafka_bootstrap, partitions=1)
    yield made
    made.close()


def numbered(start: int, end: int) -> list[Record]:
    return [Record("7", f"e{number}", b"x") for number in range(start, end)]


def polled(subscription: KafkaSubscription, count: int, wait: float = WAIT) -> list[str]:
    found: list[str] = []
    deadline = time.monotonic() + wait
    while len(found) < count and time.monotonic() < deadline:
        found += [record.id for record in subscription.poll(count - len(found), 1.0)]
    return found


def subscribe(bootstrap: str, topic: str, member: str = "", window: int = 50) -> KafkaSubscription:
    return KafkaSubscription(bootstrap, topic, f"{topic}.group", 5.0, member, window)


def test_a_repeat_by_another_producer_is_left_out_even_by_the_next_consumer(
    log: KafkaEventLog, kafka_bootstrap: str, topic: str
) -> None:
    log.append(topic, numbered(0, 30))
    first = subscribe(kafka_bootstrap, topic)
    assert len(polled(first, 30)) == 30
    first.commit()
    first.close()
    other = KafkaEventLog(kafka_bootstrap)  # knows nothing of what was appended
    assert other.append(topic, numbered(10, 20)) == 10
    other.append(topic, numbered(30, 35))
    other.close()
    second = subscribe(kafka_bootstrap, topic)
    assert polled(second, 5) == [f"e{number}" for number in range(30, 35)]
    assert second.poll(10, 0.2) == []
    second.close()


def test_a_memory_that_is_being_filled_commits_no_step_back(log: KafkaEventLog, kafka_bootstrap: str, topic: str) -> None:
    log.append(topic, numbered(0, 30))
    first = subscribe(kafka_bootstrap, topic)
    assert len(polled(first, 25)) == 25
    first.commit()
    first.close()
    second = subscribe(kafka_bootstrap, topic)
    assert polled(second, 1) == ["e25"]  # it has read from the beginning on to get there
    second.commit()
    second.close()
    third = subscribe(kafka_bootstrap, topic)
    assert polled(third, 4) == ["e26", "e27", "e28", "e29"]
    third.close()


def test_a_rebalance_while_a_memory_is_being_filled_hands_nothing_over_twice(
    log: KafkaEventLog, kafka_bootstrap: str, topic: str
) -> None:
    log.append(topic, numbered(0, 30))
    first = subscribe(kafka_bootstrap, topic)
    assert len(polled(first, 25)) == 25
    first.commit()
    first.close()
    second = subscribe(kafka_bootstrap, topic)
    consumer = second._consumer
    deadline = time.monotonic() + WAIT
    while not any(0 < consumer.position(place) < 20 for place in consumer.assignment()):  # it is reading what is handled
        assert second.poll(1, 0.0) == []
        assert time.monotonic() < deadline
    consumer._coordinator.request_rejoin()
    assert polled(second, 5) == [f"e{number}" for number in range(25, 30)]
    second.close()


def test_a_member_that_comes_back_under_its_name_need_not_wait_for_its_own_end(
    log: KafkaEventLog, kafka_bootstrap: str, topic: str
) -> None:
    log.append(topic, numbered(0, 5))
    killed = subscribe(kafka_bootstrap, topic, "host.9101")
    assert len(polled(killed, 5)) == 5  # and then nobody hears of it again
    start = time.monotonic()
    back = subscribe(kafka_bootstrap, topic, "host.9101")
    assert len(polled(back, 5)) == 5
    assert time.monotonic() - start < 8  # a session ends after ten seconds
    back.close()
    killed.close()


def test_loops_of_one_process_read_their_topics_side_by_side(log: KafkaEventLog, kafka_bootstrap: str, topic: str) -> None:
    tables, wanted = [INTERACTIONS, IMPRESSIONS, LISTS], numbered(0, 5)
    for table in tables:
        log.append(f"{topic}.{table}", wanted)

    def read(table: str) -> list[str]:
        group = f"{topic}.{group_of(table)}"
        subscription = KafkaSubscription(kafka_bootstrap, f"{topic}.{table}", group, 5.0, "host.9101")
        found = polled(subscription, len(wanted), 6 * WAIT)
        subscription.close()
        return found

    with ThreadPoolExecutor(len(tables)) as loops:
        assert list(loops.map(read, tables)) == [[record.id for record in wanted]] * len(tables)


def test_who_waits_in_vain_for_another_ones_connection_leaves_the_producer_alone(kafka_bootstrap: str, topic: str) -> None:
    log = KafkaEventLog(kafka_bootstrap, partitions=1, timeout=3.0)
    log.append(topic, numbered(0, 1))
    producer = log._producer
    with log._lock, ThreadPoolExecutor(1) as another, pytest.raises(DependencyUnavailable, match="others have been connecting"):
        another.submit(log.append, topic, numbered(1, 2)).result()
    assert log._producer is producer
    assert log.append(topic, numbered(1, 2)) == 1
    log.close()


def test_records_of_other_producers_are_read_too(kafka_bootstrap: str, topic: str, log: KafkaEventLog) -> None:
    subscription = log.subscribe(topic, "g")
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap)
    producer.send(topic, b"\xff\xfe", key=b"\xff", headers=[("id", b"\xff"), ("trace", b"1")])
    producer.send(topic, None, key=b"8")
    producer.flush()
    producer.close()
    first, second = [subscription.poll(1, WAIT)[0] for _ in range(2)]
    assert (first.key, first.id, first.value) == ("\ufffd", "\ufffd", b"\xff\xfe")
    assert (second.key, second.id, second.value) == ("8", f"{second.partition}-{second.offset}", b"")
    subscription.close()


def test_a_record_that_no_broker_accepts_is_reported_and_not_retried(log: KafkaEventLog, topic: str) -> None:
    with pytest.raises(InvalidInput, match=r"max\.message\.bytes"):
        log.append(topic, [Record("7", "big", random.Random(1).randbytes(2**21))])
    assert log.append(topic, numbered(0, 1)) == 1


def test_topics_are_made_as_specified_and_reconciled(kafka_bootstrap: str, topic: str) -> None:
    topics = KafkaTopics(kafka_bootstrap)
    specs = [replace(spec, name=f"{topic}.{spec.name}") for spec in SPECS]
    assert [(change.what, change.before) for change in topics.plan(specs)] == [("topic", "missing")] * len(SPECS)
    topics.apply(specs)
    assert topics.plan(specs) == []
    longer = [replace(spec, retention=spec.retention * 2) for spec in specs]
    assert [change.what for change in topics.plan(longer)] == ["retention.ms"] * len(SPECS)
    topics.apply(longer)
    assert topics.plan(longer) == []


def test_a_topic_is_never_repartitioned(kafka_bootstrap: str, topic: str) -> None:
    topics = KafkaTopics(kafka_bootstrap)
    topics.apply([TopicSpec(topic, partitions=1, retention=1000.0)])
    [change] = topics.apply([TopicSpec(topic, partitions=2, retention=1000.0)])
    assert (change.what, change.before, change.after) == ("partitions", "1", "2")
    assert "offsets mean nothing" in change.refused
    assert topics.plan([TopicSpec(topic, partitions=1, retention=1000.0)]) == []


def test_the_first_assignment_of_a_group_knows_the_partitions(
    log: KafkaEventLog, kafka_bootstrap: str, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    log.append(topic, numbered(0, 3))
    subscription = subscribe(kafka_bootstrap, topic)
    assert polled(subscription, 3) == ["e0", "e1", "e2"]
    subscription.close()
    assert "No partition metadata" not in caplog.text


def test_the_trace_of_a_record_comes_with_it(log: KafkaEventLog, kafka_bootstrap: str, topic: str) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    log.append(topic, [Record("7", "traced", b"x", traceparent=parent), Record("7", "plain", b"x")])
    subscription = subscribe(kafka_bootstrap, topic)
    deadline, found = time.monotonic() + WAIT, {}
    while len(found) < 2 and time.monotonic() < deadline:
        found |= {record.id: record.traceparent for record in subscription.poll(2, 1.0)}
    subscription.close()
    assert found == {"traced": parent, "plain": ""}


def test_who_is_shut_out_by_another_of_its_name_is_refused_and_the_broker_is_not_blamed(
    log: KafkaEventLog, kafka_bootstrap: str, topic: str
) -> None:
    log.append(topic, numbered(0, 5))
    first = subscribe(kafka_bootstrap, topic, member="pod")
    assert len(polled(first, 5)) == 5
    second = subscribe(kafka_bootstrap, topic, member="pod")
    polled(second, 5)
    deadline = time.monotonic() + 3 * WAIT

    def go_on() -> None:
        while time.monotonic() < deadline:
            first.poll(5, 0.5)
            first.commit()

    with pytest.raises(DependencyRefused, match=r"answers, and refuses.*Fenced.*another consumer has this one's name") as refusal:
        go_on()
    assert "make kafka" not in refusal.value.detail
    assert second.poll(1, 0.1) == []  # whom nobody shut out goes on
    first.close()
    second.close()
