"""Poison of every kind becomes a dead letter with its reason and its bytes, whoever reads it and however often."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.deadletter import DeadLetter
from core.events import ClockRule
from core.ports import LoggedRecord
from streaming.decoding import (
    MAX_EVENT_BYTES,
    REASONS,
    Contract,
    Decoded,
    IntegerKeys,
    Shown,
    decode,
    decode_all,
    decode_impressions,
)

NOW = 1_790_000_000.0
CONTRACT = Contract(IntegerKeys(frozenset({1, 2})))
GOOD = {"event_id": "e", "user_id": 7, "item_id": 1, "kind": "rating", "value": 4.0, "ts": NOW}


def logged(value: bytes) -> LoggedRecord:
    return LoggedRecord("marquee.interactions", 3, 5, "7", "id", value, NOW)


def event(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


POISON = [
    (b"{not json", "malformed", "event: Invalid JSON"),
    (b"", "malformed", "event: Invalid JSON"),
    (b"[]", "schema", "event: "),
    (b"\xff\xfe not UTF-8", "encoding", "byte 0 is not UTF-8"),
    (event(event_id="ok").replace(b"ok", b"\xc3\x28"), "encoding", "invalid continuation byte"),
    (event(schema_version=2), "schema_version", "Input should be 1"),
    (event(value=7.0), "schema", "value is 7.0; allowed: 0.5 to 5.0 stars"),
    (event(value=float("nan")), "schema", "value: Input should be a finite number"),
    (event(ts=float("inf")), "schema", "ts: Input should be a finite number"),
    (event(item_id=99), "unknown_item", "item 99 is not in the catalogue"),
    (event(ts=86_400.0), "clock", "ts is 86400.0; allowed: 631152000 to "),  # 1970
    (event(ts=4_070_908_800.0), "clock", "(now plus 300 s of clock skew)"),  # 2099
    (event(event_id="x" * 2_000_000), "too_large", f"at most {MAX_EVENT_BYTES}"),
]


@pytest.mark.parametrize(("value", "reason", "detail"), POISON, ids=[f"{one[1]}-{n}" for n, one in enumerate(POISON)])
def test_poison_keeps_its_bytes_and_the_reason(value: bytes, reason: str, detail: str) -> None:
    letter = decode(logged(value), CONTRACT, now=12.0)
    assert isinstance(letter, DeadLetter)
    assert (letter.topic, letter.partition, letter.offset, letter.ts) == ("marquee.interactions", 3, 5, 12.0)
    assert (letter.reason, letter.value) == (reason, value)
    assert detail in letter.detail
    assert reason in REASONS


def test_the_rest_of_a_batch_is_processed() -> None:
    good, dead = decode_all([logged(event()), logged(b"{"), logged(event(item_id=2))], CONTRACT, NOW)
    assert [one.event.item_id for one in good] == [1, 2]
    assert [letter.reason for letter in dead] == ["malformed"]


def test_the_clock_rule_can_be_set() -> None:
    rule = ClockRule(skew=3600.0, earliest=0.0)
    for ts in (86_400.0, NOW + 3000.0):
        assert isinstance(decode(logged(event(ts=ts)), Contract(IntegerKeys(frozenset({1})), rule), NOW), Decoded)


def test_time_is_compared_with_the_time_of_acceptance_and_not_with_now() -> None:
    record = logged(event(ts=NOW + 200.0))
    assert isinstance(decode(record, CONTRACT, now=0.0), Decoded)
    assert isinstance(decode(record, CONTRACT, now=NOW * 2), Decoded)


def test_an_invalid_impression_is_a_dead_letter() -> None:
    letter = decode_impressions(logged(b"{}"), NOW, CONTRACT.items)
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "schema"


def shown(item: object) -> LoggedRecord:
    record = {"user_id": "u-1", "item_id": item, "request_id": "r", "position": 0, "propensity": 1.0}
    return logged(
        json.dumps(
            record | {"score": 0.5, "policy": "p", "arm": "a", "model_version": "m", "ts": NOW, "explored": False}
        ).encode()
    )


class Catalogue:
    """One item of a string id that is in the catalogue, one that left it."""

    def key_of(self, id_: object) -> int:
        return 2**53 if id_ == "here" else -1

    def key_ever(self, id_: object) -> int:
        return id_ if isinstance(id_, int) else {"here": 2**53, "left": 2**53 + 1}.get(str(id_), -1)


@pytest.mark.parametrize(("item", "key"), [("here", 2**53), ("left", 2**53 + 1), (10**6, 10**6)])
def test_an_impression_of_an_item_that_left_the_catalogue_counts(item: object, key: int) -> None:
    outcome = decode_impressions(shown(item), NOW, Catalogue())
    assert not isinstance(outcome, DeadLetter), outcome
    assert list(outcome.items) == [key]


def test_an_impression_of_an_item_that_never_was_is_a_dead_letter() -> None:
    outcome = decode_impressions(shown("never"), NOW, Catalogue())
    assert isinstance(outcome, DeadLetter)
    assert outcome.reason == "unknown_item"


def page(**changes: object) -> LoggedRecord:
    shown = {"schema_version": 4, "user_id": "u-1", "request_id": "r", "policy": "p", "arm": "a", "model_version": "m", "ts": NOW}
    columns = {"item_ids": ["here", 7], "propensities": [1.0, 0.5], "scores": [0.5, 0.4], "explored": [False, True]}
    return logged(json.dumps(shown | {"offset": 20} | columns | changes).encode())


def test_a_page_is_an_impression_for_each_position() -> None:
    outcome = decode_impressions(page(), NOW, Catalogue())
    assert isinstance(outcome, Shown), outcome
    assert list(outcome.items) == [2**53, 7]
    assert [(one.item_id, one.position, one.propensity) for one in outcome.impressions] == [("here", 20, 1.0), (7, 21, 0.5)]
    assert outcome.event.event_id == "r:20"


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"item_ids": ["here", "never"]}, "unknown_item", "item never"),
        ({"scores": [0.5]}, "schema", "scores has 1 values"),
        ({"item_ids": ["x" * 200, 7]}, "schema", "item_ids.0"),
        ({"schema_version": 5}, "schema_version", "schema_version"),
        ({"policy": "x" * 200_000}, "too_large", "131072"),
    ],
)
def test_a_page_that_cannot_be_used_is_a_dead_letter_as_a_whole(changes: dict[str, object], reason: str, detail: str) -> None:
    letter = decode_impressions(page(**changes), NOW, Catalogue())
    assert isinstance(letter, DeadLetter)
    assert letter.reason == reason
    assert detail in letter.detail


def test_the_longest_page_that_there_can_be_is_accepted() -> None:
    ids = [f"{number:03d}" + "\u4e2d" * 125 for number in range(100)]
    many = {
        "propensities": [0.123456789] * 100,
        "scores": [0.123456789] * 100,
        "explored": [True] * 100,
        "labels": ["x" * 32] * 100,
    }
    record = page(item_ids=ids, offset=0, **many)

    class Everything(Catalogue):
        def key_ever(self, id_: object) -> int:
            return 1

    raw = LoggedRecord(
        record.topic, 0, record.offset, "", "", json.dumps(json.loads(record.value), ensure_ascii=False).encode(), NOW
    )
    assert isinstance(decode_impressions(raw, NOW, Everything()), Shown)


@given(value=st.binary(max_size=300) | st.text(max_size=100).map(str.encode) | st.fixed_dictionaries(
    {}, optional={name: st.none() | st.integers() | st.floats() | st.text(max_size=5) for name in GOOD}
).map(lambda changes: json.dumps(GOOD | changes).encode()))  # fmt: skip
def test_no_bytes_are_an_accident(value: bytes) -> None:
    outcome = decode(logged(value), CONTRACT, NOW)
    assert isinstance(outcome, Decoded) or outcome.reason in REASONS
    shown = decode_impressions(logged(value), NOW, CONTRACT.items)
    assert isinstance(shown, DeadLetter)
    assert shown.reason in REASONS
