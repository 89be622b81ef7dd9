"""The outbox: what was promised is on disk before the promise, leaves in order, and has a bound."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from core.errors import DependencyUnavailable, StorageFull
from core.events import DEADLETTER, INTERACTIONS
from core.ports import Record
from serving.health import Status
from serving.intake.outbox import Outbox
from serving.intake.outbox_log import OutboxLog
from streaming.adapters.memory import MemoryEventLog


class Away(MemoryEventLog):
    """A log that can be switched off, and that counts how often it was asked."""

    def __init__(self, away: bool = True) -> None:
        super().__init__()
        self.away = away
        self.poison: str | None = None  # an id that it fails on
        self.asked = threading.Semaphore(0)

    def append(self, topic: str, records: Sequence[Record]) -> int:
        self.asked.release()
        if self.away:
            raise DependencyUnavailable("kafka", "it is away")
        if self.poison in [record.id for record in records]:
            raise ZeroDivisionError("a bug")
        return super().append(topic, records)

    def ids(self, topic: str = INTERACTIONS) -> list[str]:
        return [record.id for record in self.read(topic)]


def records(*ids: str) -> list[Record]:
    return [Record("7", id_, id_.encode()) for id_ in ids]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


@pytest.fixture
def inner() -> Away:
    return Away()


@pytest.fixture
def open_log(inner: Away, tmp_path: Path) -> Iterator[Callable[..., OutboxLog]]:
    opened: list[OutboxLog] = []

    def make(max_events: int = 100) -> OutboxLog:
        opened.append(OutboxLog(inner, tmp_path / "outbox.db", max_events, every=0.02))
        return opened[-1]

    yield make
    for log in opened:
        log.close()


def test_events_are_accepted_while_the_log_is_unavailable_and_delivered_in_order(
    open_log: Callable[..., OutboxLog], inner: Away
) -> None:
    log = open_log()
    for number in range(5):
        assert log.append(INTERACTIONS, records(f"e{number}")) == 1
    assert log.append(DEADLETTER, records("letter")) == 1
    assert inner.ids() == []
    inner.away = False
    until(lambda: len(inner.ids(DEADLETTER)) == 1)
    assert inner.ids() == ["e0", "e1", "e2", "e3", "e4"]


def test_while_the_log_answers_events_go_straight_to_it(open_log: Callable[..., OutboxLog], inner: Away) -> None:
    inner.away = False
    log = open_log()
    until(lambda: log.check().probe().status is Status.UP)
    log.append(INTERACTIONS, records("a"))
    assert inner.ids() == ["a"]


def test_an_event_does_not_overtake_those_that_wait(open_log: Callable[..., OutboxLog], inner: Away, tmp_path: Path) -> None:
    inner.away = False
    log = open_log()
    until(lambda: log.check().probe().status is Status.UP)
    inner.away = True
    assert log.append(INTERACTIONS, records("first")) == 1  # straight, refused, and kept
    assert log.append(INTERACTIONS, records("second")) == 1
    inner.away = False
    assert log.append(INTERACTIONS, records("third")) == 1
    until(lambda: len(inner.ids()) == 3)
    assert inner.ids() == ["first", "second", "third"]


def test_waiting_events_outlive_the_process(open_log: Callable[..., OutboxLog], inner: Away) -> None:
    before = time.time()
    open_log().append(INTERACTIONS, records("a", "b"))
    inner.away = False
    open_log()  # another process on the same file, while the first still lives and delivers
    until(lambda: len(inner.ids()) == 2)
    assert inner.ids() == ["a", "b"]
    assert all(before <= record.appended_at <= time.time() for record in inner.read(INTERACTIONS))


def test_a_repeat_is_kept_once(open_log: Callable[..., OutboxLog]) -> None:
    log = open_log()
    assert log.append(INTERACTIONS, records("a", "b", "a")) == 2
    assert log.append(INTERACTIONS, records("b", "c")) == 1


def test_beyond_the_bound_nothing_is_promised(open_log: Callable[..., OutboxLog], inner: Away) -> None:
    log = open_log(max_events=3)
    log.append(INTERACTIONS, records("a", "b"))
    with pytest.raises(DependencyUnavailable, match="2 events waiting for it already"):
        log.append(INTERACTIONS, records("c", "d"))
    log.append(INTERACTIONS, records("c"))
    inner.away = False
    until(lambda: inner.ids() == ["a", "b", "c"])
    until(lambda: log.check().probe().status is Status.UP)
    assert log.append(INTERACTIONS, records("d", "e", "f", "g")) == 4


def test_readiness_reports_how_many_events_wait(open_log: Callable[..., OutboxLog], inner: Away) -> None:
    log = open_log()
    assert log.check().probe().status is Status.DEGRADED
    log.append(INTERACTIONS, records("a", "b"))
    assert "2 events in the outbox, waiting" in log.check().probe().detail
    until(lambda: REGISTRY.get_sample_value("marquee_outbox_events") == 2)
    inner.away = False
    until(lambda: log.check().probe().status is Status.UP)
    until(lambda: REGISTRY.get_sample_value("marquee_outbox_events") == 0)


def test_the_log_is_asked_again_and_again(open_log: Callable[..., OutboxLog], inner: Away) -> None:
    open_log()
    for _ in range(3):
        assert inner.asked.acquire(timeout=30)


def test_a_bug_does_not_end_the_delivery_and_poison_is_quarantined(
    open_log: Callable[..., OutboxLog], inner: Away, tmp_path: Path
) -> None:
    log = open_log()
    log.append(INTERACTIONS, records("a", "poison", "c"))
    inner.poison, inner.away = "poison", False
    until(lambda: inner.ids() == ["a", "c"])
    until(lambda: log.check().probe().status is Status.UP)
    log.append(INTERACTIONS, records("d"))
    assert inner.ids() == ["a", "c", "d"]
    assert log.background.state.error == "ZeroDivisionError: a bug"
    with sqlite3.connect(tmp_path / "outbox.db") as other:
        assert other.execute("SELECT id, value, reason FROM quarantine").fetchall() == [
            ("poison", b"poison", "ZeroDivisionError: a bug")
        ]
    other.close()


def test_an_outbox_with_the_former_name_of_the_quarantine_keeps_its_events(tmp_path: Path) -> None:
    Outbox(tmp_path / "outbox.db", 10).close()
    with sqlite3.connect(tmp_path / "outbox.db") as old:
        old.execute("ALTER TABLE quarantine RENAME TO set_aside")
        old.execute("INSERT INTO set_aside VALUES ('t', 'k', 'poison', x'00', 1.0, 'a bug')")
    old.close()
    for _ in range(2):  # the second time there is nothing left to move
        Outbox(tmp_path / "outbox.db", 10).close()
    new = sqlite3.connect(tmp_path / "outbox.db")
    assert new.execute("SELECT id, reason FROM quarantine").fetchall() == [("poison", "a bug")]
    assert not new.execute("SELECT 1 FROM sqlite_master WHERE name = 'set_aside'").fetchall()
    new.close()


def test_every_promise_is_synchronised_with_the_disk(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 10)
    assert outbox._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    outbox.put(INTERACTIONS, records("a"), 1.0)
    other = sqlite3.connect(tmp_path / "outbox.db")
    assert other.execute("SELECT id, accepted_at FROM outbox").fetchall() == [("a", 1.0)]
    other.close()
    outbox.close()


def test_a_disk_that_refuses_writes_is_reported(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 10)
    pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull, match="full"):
        outbox.put(INTERACTIONS, [Record("7", "big", b"x" * 100_000)], 1.0)
    assert outbox.is_empty()
    outbox.close()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageFull, match=r"outbox\.db"):
        Outbox(tmp_path / "file" / "outbox.db", 10)
