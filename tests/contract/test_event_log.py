"""The contract of the event log, on every adapter: durable order, idempotent append, at-least-once groups."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from private_log import PrivateLog

from core.errors import DependencyUnavailable, StorageFull
from core.ports import EventLog, Record
from streaming.adapters.embedded import EmbeddedEventLog
from streaming.adapters.kafka import KafkaEventLog
from streaming.adapters.memory import MemoryEventLog

TOPIC = "marquee.interactions"
WAIT = 10.0

# now and then kafka-python leaves a socket whose connection failed to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=["embedded", "memory", pytest.param("kafka", marks=pytest.mark.service("kafka"))])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    made: EventLog
    if request.param == "embedded":
        made = EmbeddedEventLog(tmp_path / "log.db")
    elif request.param == "memory":
        made = MemoryEventLog()
    else:
        made = PrivateLog(KafkaEventLog(request.getfixturevalue("kafka_bootstrap"), partitions=1), uuid.uuid4().hex[:8])
    yield made
    made.close()


NO_BROKER = """
import sys
from core.errors import DependencyUnavailable
from core.ports import Record
from streaming.adapters.kafka import KafkaEventLog

log = KafkaEventLog(f"127.0.0.1:{sys.argv[1]}", timeout=0.5)
for call in (lambda: log.append("t", [Record("7", "a", b"")]), lambda: log.subscribe("t", "g")):
    try:
        call()
    except DependencyUnavailable as error:
        print(error.detail)
"""


def test_an_unavailable_broker_is_reported_in_time(free_port: Callable[[], int]) -> None:
    """In a process of its own: kafka-python leaves the sockets of a failed connection to the garbage collector."""
    command = [sys.executable, "-c", NO_BROKER, str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count("kafka is unavailable") == 2
    assert "make kafka" in done.stdout


def records(*ids: str) -> list[Record]:
    return [Record(key="7", id=id_, value=f"value of {id_}".encode()) for id_ in ids]


def test_what_a_group_has_yet_to_commit_is_told_without_joining_it(log: EventLog) -> None:
    log.append(TOPIC, records("a", "b", "c"))
    assert log.waiting(TOPIC, "g") == 3
    subscription = log.subscribe(TOPIC, "g")
    assert len(subscription.poll(2, WAIT)) == 2
    assert log.waiting(TOPIC, "g") == 3
    subscription.commit()
    assert (log.waiting(TOPIC, "g"), log.waiting(TOPIC, "other")) == (1, 3)
    assert len(subscription.poll(10, WAIT)) == 1


def test_records_come_back_in_order_with_their_bytes(log: EventLog) -> None:
    before = time.time()
    assert log.append(TOPIC, records("a", "b")) == 2
    assert log.append(TOPIC, [Record("8", "c", b"\x00\xff")]) == 1
    polled = log.subscribe(TOPIC, "g").poll(10, WAIT)
    assert [(record.key, record.id, record.value) for record in polled] == [
        ("7", "a", b"value of a"),
        ("7", "b", b"value of b"),
        ("8", "c", b"\x00\xff"),
    ]
    assert [record.offset for record in polled] == sorted({record.offset for record in polled})
    assert all(before <= record.appended_at <= time.time() for record in polled)


def test_a_known_id_is_stored_once_per_topic(log: EventLog) -> None:
    assert log.append(TOPIC, records("a", "b", "a")) == 2
    assert log.append(TOPIC, records("b", "c")) == 1
    assert log.append("other", records("a")) == 1
    assert [record.id for record in log.subscribe(TOPIC, "g").poll(10, WAIT)] == ["a", "b", "c"]


def test_a_poll_takes_no_more_than_asked_and_goes_on_where_it_was(log: EventLog) -> None:
    log.append(TOPIC, records("a", "b", "c"))
    subscription = log.subscribe(TOPIC, "g")
    assert [[record.id for record in subscription.poll(2, WAIT)] for _ in range(2)] == [["a", "b"], ["c"]]
    assert subscription.poll(2, 0.01) == []


def test_what_was_not_committed_comes_again(log: EventLog) -> None:
    log.append(TOPIC, records("a", "b", "c"))
    first = log.subscribe(TOPIC, "g")
    first.poll(1, WAIT)
    first.commit()
    first.poll(1, WAIT)
    first.close()
    assert [record.id for record in log.subscribe(TOPIC, "g").poll(10, WAIT)] == ["b", "c"]


def test_groups_and_topics_do_not_share_progress(log: EventLog) -> None:
    log.append(TOPIC, records("a"))
    one = log.subscribe(TOPIC, "one")
    one.poll(10, WAIT)
    one.commit()
    assert [record.id for record in log.subscribe(TOPIC, "two").poll(10, WAIT)] == ["a"]
    assert log.subscribe("other", "one").poll(10, 0.01) == []


def test_a_waiting_poll_sees_an_append_from_another_thread(log: EventLog) -> None:
    subscription = log.subscribe(TOPIC, "g")
    timer = threading.Timer(0.05, log.append, args=(TOPIC, records("late")))
    timer.start()
    assert [record.id for record in subscription.poll(10, WAIT)] == ["late"]
    timer.join()


def test_many_threads_append_without_losing_or_doubling(log: EventLog) -> None:
    def work(worker: int) -> None:
        for number in range(25):
            log.append(TOPIC, records(f"{worker}-{number}", f"shared-{number}"))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    polled = log.subscribe(TOPIC, "g").poll(1000, WAIT)
    assert sorted(record.id for record in polled) == sorted(
        {f"{worker}-{number}" for worker in range(4) for number in range(25)} | {f"shared-{number}" for number in range(25)}
    )


def test_polls_that_do_not_wait_get_everything(log: EventLog) -> None:
    """However short a poll is: on Kafka, joining a group takes longer than each of these."""
    log.append(TOPIC, records(*map(str, range(50))))
    subscription, got, deadline = log.subscribe(TOPIC, "g"), 0, time.monotonic() + 20
    while got < 50 and time.monotonic() < deadline:
        got += len(subscription.poll(10, 0.0))
        subscription.commit()
    assert got == 50


def test_lag_is_what_waits_to_be_polled(log: EventLog) -> None:
    log.append(TOPIC, records("a", "b", "c"))
    subscription = log.subscribe(TOPIC, "g")
    subscription.poll(1, WAIT)
    assert subscription.lag() == 2
    subscription.poll(2, WAIT)
    assert subscription.lag() == 0


def test_everything_can_be_read_outside_any_group(log: EventLog) -> None:
    assert list(log.read(TOPIC)) == []
    log.append(TOPIC, records("a", "b"))
    for _ in range(2):
        assert [record.id for record in log.read(TOPIC)] == ["a", "b"]
    assert [record.id for record in log.subscribe(TOPIC, "g").poll(10, WAIT)] == ["a", "b"]


def test_a_record_keeps_the_time_of_its_promise_and_may_be_empty(log: EventLog) -> None:
    promised = time.time() - 60
    log.append(TOPIC, [Record("7", "a", b"", accepted_at=promised)])
    [record] = log.subscribe(TOPIC, "g").poll(10, WAIT)
    assert record.value == b""
    assert record.appended_at == pytest.approx(promised, abs=0.001)


def test_appending_nothing_is_not_an_error(log: EventLog) -> None:
    assert log.append(TOPIC, []) == 0


def _append_in_child(path: Path, count: int) -> None:
    log = EmbeddedEventLog(path)
    for number in range(count):
        log.append(TOPIC, records(f"child-{number}"))
    log.close()


def test_the_embedded_log_is_shared_between_processes(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = EmbeddedEventLog(path)
    subscription = log.subscribe(TOPIC, "g")
    child = multiprocessing.get_context("spawn").Process(target=_append_in_child, args=(path, 5))
    child.start()
    seen: list[str] = []
    deadline = time.monotonic() + 30
    while len(seen) < 5 and time.monotonic() < deadline:
        seen += [record.id for record in subscription.poll(10, 1.0)]
    child.join()
    assert seen == [f"child-{number}" for number in range(5)]
    subscription.close()
    log.close()


def test_the_embedded_log_survives_its_process(tmp_path: Path) -> None:
    first = EmbeddedEventLog(tmp_path / "log.db")
    first.append(TOPIC, records("a"))
    first.close()
    second = EmbeddedEventLog(tmp_path / "log.db")
    assert second.append(TOPIC, records("a")) == 0
    assert [record.id for record in second.subscribe(TOPIC, "g").poll(10, WAIT)] == ["a"]
    second.close()


def _blocked_by_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("no folder")
    return tmp_path / "file" / "log.db"


def test_a_disk_that_refuses_writes_is_reported_and_nothing_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match="event log is unavailable"):
        EmbeddedEventLog(_blocked_by_a_file(tmp_path)).append(TOPIC, records("a"))


def test_a_full_disk_refuses_and_what_was_there_stays(tmp_path: Path) -> None:
    log = EmbeddedEventLog(tmp_path / "log.db")
    log.append(TOPIC, records("a"))
    connection = log._connected()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull, match="full"):
        log.append(TOPIC, [Record("7", "big", b"x" * 100_000)])
    assert [record.id for record in log.subscribe(TOPIC, "g").poll(10, WAIT)] == ["a"]
    log.close()


def test_a_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"this is not a database, it only looks like a file" * 100)
    with pytest.raises(DependencyUnavailable, match="not a database"):
        EmbeddedEventLog(tmp_path / "log.db").append(TOPIC, records("a"))


def test_a_writer_that_holds_the_file_too_long_is_reported(tmp_path: Path) -> None:
    holder, other = (EmbeddedEventLog(tmp_path / "log.db", busy_timeout=0.05) for _ in range(2))
    other.append(TOPIC, records("a"))
    holder._connected().execute("BEGIN IMMEDIATE")
    with pytest.raises(DependencyUnavailable, match="locked"):
        other.append(TOPIC, records("b"))
    holder.close()
    assert other.append(TOPIC, records("b")) == 1
    other.close()
