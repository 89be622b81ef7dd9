"""A letter keeps everything, is stored once, and is open until something closes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.deadletter import MAX_KEPT_BYTES, DeadLetter, closing_record, from_bytes, open_letters, to_record
from core.errors import InvalidInput
from core.ports import LoggedRecord, Record

LETTER = DeadLetter("marquee.interactions", "schema", "value is 7", b"\x00\xff{", 12.5, 2, 40)


def logged(*records: Record) -> list[LoggedRecord]:
    return [LoggedRecord("d", 0, offset, one.key, one.id, one.value) for offset, one in enumerate(records)]


def test_a_letter_comes_back_as_it_was() -> None:
    assert from_bytes(to_record(LETTER).value) == LETTER


def test_setting_aside_again_makes_the_same_letter_and_another_place_another() -> None:
    later = replace(LETTER, ts=99.0, reason="malformed", detail="other words")
    assert later.id == LETTER.id == to_record(later).id
    assert len({LETTER.id, replace(LETTER, offset=41).id, replace(LETTER, partition=1).id, replace(LETTER, value=b"").id}) == 4


def test_what_is_too_large_for_the_topic_keeps_its_beginning() -> None:
    huge = replace(LETTER, value=b"x" * (MAX_KEPT_BYTES + 5))
    kept = from_bytes(to_record(huge).value)
    assert len(kept.value) == MAX_KEPT_BYTES
    assert f"of its {MAX_KEPT_BYTES + 5} bytes are kept" in kept.detail


def test_a_letter_is_open_until_it_is_closed() -> None:
    other = replace(LETTER, offset=41)
    records = logged(to_record(LETTER), to_record(other), closing_record(LETTER.id), closing_record("unknown"))
    assert open_letters(records) == {other.id: other}
    assert open_letters([*records, *logged(to_record(LETTER))]) == {other.id: other, LETTER.id: LETTER}


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"", b'{"value": 3}', b"\xff"])
def test_an_invalid_letter_is_reported(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match="dead letter"):
        from_bytes(raw)
