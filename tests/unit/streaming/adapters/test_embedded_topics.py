"""Retention of the embedded log: by age and size, and never what a group has yet to commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.deadletter import DeadLetter, closing_record, open_letters, to_record
from core.ports import Record
from streaming.adapters.embedded import EmbeddedEventLog
from streaming.adapters.embedded_topics import EmbeddedTopics
from streaming.topics import SPECS, Change, TopicSpec

NOW = 1_000_000.0
SPEC = TopicSpec("t", partitions=1, retention=100.0, awaited=("features", "lake"))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedEventLog]:
    made = EmbeddedEventLog(tmp_path / "log.db")
    yield made
    made.close()


def topics(tmp_path: Path) -> EmbeddedTopics:
    return EmbeddedTopics(tmp_path / "log.db", lambda: NOW)


def fill(log: EmbeddedEventLog, ages: list[float]) -> None:
    log.append("t", [Record("7", f"e{n}", b"x" * 10, accepted_at=NOW - age) for n, age in enumerate(ages)])


def commit(log: EmbeddedEventLog, group: str, count: int) -> None:
    subscription = log.subscribe("t", group)
    assert len(subscription.poll(count, 0.0)) == count
    subscription.commit()
    subscription.close()


def held(log: EmbeddedEventLog, topic: str = "t") -> list[str]:
    return [record.id for record in log.read(topic)]


def test_old_records_go_once_every_group_is_done_with_them(log: EmbeddedEventLog, tmp_path: Path) -> None:
    fill(log, [500, 400, 300, 50])
    assert topics(tmp_path).plan([SPEC]) == []  # nobody has committed anything
    commit(log, "features", 4)
    assert topics(tmp_path).plan([SPEC]) == []  # the lake has not
    commit(log, "lake", 2)
    expected = [Change("t", "records", "4", "2")]
    assert topics(tmp_path).plan([SPEC]) == expected
    assert held(log) == ["e0", "e1", "e2", "e3"]  # a plan changes nothing
    assert topics(tmp_path).apply([SPEC]) == expected
    assert held(log) == ["e2", "e3"]
    assert topics(tmp_path).apply([SPEC]) == []


def test_a_group_that_nobody_named_is_waited_for_too(log: EmbeddedEventLog, tmp_path: Path) -> None:
    fill(log, [500, 400])
    for group, done in (("features", 2), ("lake", 2), ("learner", 1)):
        commit(log, group, done)
    topics(tmp_path).apply([SPEC])
    assert held(log) == ["e1"]


def test_beyond_the_size_limit_the_oldest_go_first(log: EmbeddedEventLog, tmp_path: Path) -> None:
    fill(log, [9, 8, 7, 6])
    spec = replace(SPEC, max_bytes=25, awaited=())
    topics(tmp_path).apply([spec])
    assert held(log) == ["e2", "e3"]


def test_everything_may_be_old(log: EmbeddedEventLog, tmp_path: Path) -> None:
    fill(log, [500, 400])
    topics(tmp_path).apply([replace(SPEC, awaited=())])
    assert held(log) == []
    fill(log, [1])
    assert [record.offset for record in log.read("t")] == [3]  # an offset is never used again


def test_more_records_than_one_transaction_deletes(
    log: EmbeddedEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.adapters.embedded_topics._CHUNK", 3)
    fill(log, [500.0] * 10 + [1.0])
    topics(tmp_path).apply([replace(SPEC, awaited=())])
    assert held(log) == ["e10"]


def test_closed_letters_go_with_what_closed_them(log: EmbeddedEventLog, tmp_path: Path) -> None:
    spec = TopicSpec("t", 1, retention=1e9, compacted=True)
    letters = [DeadLetter("t", "schema", "", bytes([n]), NOW) for n in range(3)]
    log.append("t", [*map(to_record, letters), closing_record(letters[1].id)])
    before = open_letters(log.read("t"))
    topics(tmp_path).apply([spec])
    assert held(log) == [letters[0].id, letters[2].id]
    assert open_letters(log.read("t")) == before == {one.id: one for one in (letters[0], letters[2])}


def test_other_topics_are_left_alone(log: EmbeddedEventLog, tmp_path: Path) -> None:
    fill(log, [500])
    topics(tmp_path).apply(SPECS)
    assert held(log) == ["e0"]
