"""Records reach the log once, in order, also when it was down for a while."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import REGISTRY

from core.errors import DependencyUnavailable
from core.ports import Record
from serving.lists.write_behind import WriteBehind
from streaming.adapters.memory import MemoryEventLog

TOPIC = "t"


def record(number: int) -> Record:
    return Record("k", str(number), b"")


class Failing(MemoryEventLog):
    """Refuses the first `times` appends."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def append(self, topic, records):
        if self.times:
            self.times -= 1
            raise DependencyUnavailable("log", "down")
        return super().append(topic, records)


def stored(log: MemoryEventLog) -> list[int]:
    return [int(found.id) for found in log.subscribe(TOPIC, "g").poll(10_000, 0.0)]


def test_order_is_kept_over_many_submits_and_an_outage() -> None:
    log, failures = Failing(times=3), []
    writer = WriteBehind(log, TOPIC, lambda: failures.append(1), retry_after=0.001)
    for number in range(5000):
        writer.submit([record(number)])
    writer.close()
    assert stored(log) == list(range(5000))
    assert len(failures) == 3


def test_what_arrives_during_an_append_goes_together_with_the_next() -> None:
    entered, go, sizes = threading.Event(), threading.Event(), []

    class Slow(MemoryEventLog):
        def append(self, topic, records):
            sizes.append(len(records))
            entered.set()
            assert go.wait(10)
            return super().append(topic, records)

    writer = WriteBehind(Slow(), TOPIC, lambda: None)
    writer.submit([record(0)])
    assert entered.wait(10)
    for number in range(1, 10):
        writer.submit([record(number)])
    go.set()
    writer.close()
    assert sizes == [1, 9]


def test_a_full_writer_refuses() -> None:
    writer = WriteBehind(Failing(times=10**9), TOPIC, lambda: None, capacity=3, retry_after=60.0)
    writer.submit([record(0), record(1)])
    with pytest.raises(DependencyUnavailable, match="2 records are waiting"):
        writer.submit([record(2), record(3)])
    writer.close(timeout=0.01)


def test_closing_reports_what_is_lost(caplog) -> None:
    writer = WriteBehind(Failing(times=10**9), TOPIC, lambda: None, retry_after=60.0)
    writer.submit([record(0)])
    writer.close(timeout=0.05)
    assert "1 records for t are lost" in caplog.text


def test_closing_what_was_never_used() -> None:
    WriteBehind(MemoryEventLog(), TOPIC, lambda: None).close()


class Choosy(MemoryEventLog):
    """Has a bug: fails on any batch with one of these ids in it, `times` times."""

    def __init__(self, *poison: int, times: float = float("inf")) -> None:
        super().__init__()
        self.poison = {str(number) for number in poison}
        self.times = times
        self.failed = threading.Semaphore(0)

    def append(self, topic, records):
        if self.times and self.poison & {record.id for record in records}:
            self.times -= 1
            self.failed.release()
            raise ZeroDivisionError("a bug of the log")
        return super().append(topic, records)


def quarantined() -> float:
    return REGISTRY.get_sample_value("marquee_records_quarantined_total", {"topic": TOPIC}) or 0.0


def test_a_bug_in_the_log_loses_nothing() -> None:
    log, before = Choosy(0, 1, 2, times=2), quarantined()
    writer = WriteBehind(log, TOPIC, lambda: None)
    writer.submit([record(number) for number in range(3)])
    assert writer.flush(30)
    assert str(writer.background.state) == "running"
    assert writer.background.state.error == "ZeroDivisionError: a bug of the log"
    writer.close()
    assert stored(log) == [0, 1, 2]
    assert quarantined() == before


def test_a_poison_record_does_not_block_the_line(caplog) -> None:
    log, before = Choosy(1), quarantined()
    writer = WriteBehind(log, TOPIC, lambda: None)
    writer.submit([record(number) for number in range(4)])
    assert writer.flush(30)
    writer.submit([record(4)])
    writer.close()
    assert stored(log) == [0, 2, 3, 4]
    assert quarantined() == before + 1
    assert "quarantined: t does not accept Record(key='k', id='1'" in caplog.text


def test_a_log_that_fails_on_everything_is_not_taken_for_poison() -> None:
    log, before = Choosy(0, 1), quarantined()
    writer = WriteBehind(log, TOPIC, lambda: None)
    writer.submit([record(0), record(1)])
    for _ in range(5):  # three batches, then one by one
        assert log.failed.acquire(timeout=30)
    assert not writer.flush(0.0)
    log.times = 0  # the bug is fixed
    assert writer.flush(30)
    writer.close()
    assert stored(log) == [0, 1]
    assert quarantined() == before


def test_records_that_nobody_waits_for_are_gathered() -> None:
    sizes: list[int] = []

    class Counting(MemoryEventLog):
        def append(self, topic, records):
            sizes.append(len(records))
            return super().append(topic, records)

    log = Counting()
    writer = WriteBehind(log, TOPIC, lambda: None, gather=60.0)
    for number in range(50):
        writer.submit([record(number)])
    assert sizes == []
    assert writer.flush(10.0), "a flush does not wait for the end of the gathering"
    assert (sizes, stored(log)) == ([50], list(range(50)))
    writer.submit([record(50)])
    writer.close()
    assert stored(log) == list(range(51))
