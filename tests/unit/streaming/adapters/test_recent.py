"""What counts as a repeat depends on the log alone, wherever a reader begins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.ports import LoggedRecord
from streaming.adapters.kafka_subscription import Recent

WINDOW = 5


def record(offset: int, id_: str) -> LoggedRecord:
    return LoggedRecord("t", 0, offset, "7", id_, b"")


def handed(ids: list[str], start: int = 0) -> list[int]:
    """Offsets that a reader who begins at `start` hands over; it first goes back by a window."""
    recent = Recent(start, WINDOW)
    begin = max(0, start - WINDOW)
    return [offset for offset, id_ in enumerate(ids[begin:], start=begin) if recent.is_new(record(offset, id_))]


def test_a_repeat_is_known_within_the_window_and_not_beyond() -> None:
    assert handed(["a", "b", "a", "c", "d", "e", "f", "b", "g"]) == [0, 1, 3, 4, 5, 6, 7, 8]


@given(ids=st.lists(st.sampled_from("abcdefgh"), max_size=40), start=st.integers(0, 40))
def test_a_later_reader_decides_as_the_first(ids: list[str], start: int) -> None:
    assert handed(ids, start) == [offset for offset in handed(ids) if offset >= start]


@given(ids=st.lists(st.sampled_from("abcdefgh"), max_size=40))
def test_memory_is_bounded_by_the_window(ids: list[str]) -> None:
    recent = Recent(0, WINDOW)
    for offset, id_ in enumerate(ids):
        recent.is_new(record(offset, id_))
        assert len(recent._seen) <= WINDOW + 1
    assert recent.next == len(ids)
