"""A course log -> events and letters."""

from __future__ import annotations

import pytest

from core.deadletter import DeadLetter
from core.events import Interaction
from streaming.course_log.events import CourseLog
from streaming.course_log.movies import MovieIds, movie_key
from streaming.course_log.sessions import Sessions

NOW = 1_700_000_000.0
ITEMS = [(7, "Shawshank Redemption, The (1994)", 1994), (8, "Amélie", 2001), (9, "Twin", 1990), (10, "Twin", 1990)]
LOG = [
    b"2020-10-01T12:00:00,1,GET /data/m/the+shawshank+redemption+1994/0.mpg",
    b"2020-10-01T12:01:00,1,GET /data/m/7/1.mpg",
    b"2020-10-01T12:02:00,1,GET /rate/amelie+2001=4.5",
    b"2020-10-01T12:02:00,2,GET /create_account",
    b"2020-10-01T12:03:00,2,recommendation request host:80, status 200, result: a, b, 12 ms",
    b"2020-10-01T12:04:00,2,GET /rate/nobody+knows+it=3",
    b"1970-01-02T00:00:00,2,GET /rate/7=3",
    b"2099-01-01T00:00:00,2,GET /rate/7=3",
    b"\xff",
]


def read(lines: list[bytes], table: dict[str, int] | None = None, complete: bool = True) -> list[Interaction | DeadLetter]:
    return list(CourseLog(MovieIds(ITEMS, table), Sessions(), NOW).read(lines, complete))


def test_a_log() -> None:
    course = CourseLog(MovieIds(ITEMS), Sessions(), NOW)
    found = list(course.read(LOG))
    events = [(one.user_id, one.item_id, one.kind.value, one.value) for one in found if isinstance(one, Interaction)]
    assert events == [(1, 8, "rating", 4.5), (1, 7, "watch", 2.0)]  # one session, by name and by number
    letters = [(one.reason, one.value) for one in found if isinstance(one, DeadLetter)]
    assert letters == [("unknown_item", LOG[5]), ("clock", LOG[6]), ("clock", LOG[7]), ("encoding", LOG[8])]
    assert course.seen == {"watched": 2, "rated": 4, "joined": 1, "recommended": 1, "rejected": 1}


def test_a_repeat_has_the_same_ids() -> None:
    assert read(LOG) == read(LOG)
    ids = [one.event_id for one in read(LOG) if isinstance(one, Interaction)]
    assert len(set(ids)) == len(ids) == 2


def test_an_open_session_is_left_out_while_the_log_grows() -> None:
    assert [one.kind.value for one in read(LOG, complete=False) if isinstance(one, Interaction)] == ["rating"]


def test_the_table_comes_first() -> None:
    found = read([b"2020-10-01T12:02:00,1,GET /rate/amelie+2001=4"], {"amelie+2001": 9})
    assert [one.item_id for one in found if isinstance(one, Interaction)] == [9]


def test_items_whose_ids_are_strings() -> None:
    items: list[tuple[int | str, str, int]] = [("007", "Bond", 1962), ("SKU-1", "Amélie", 2001), (7, "Seven", 1995)]
    course = CourseLog(MovieIds(items, {"mine": "SKU-1"}), Sessions(), NOW)
    names = ["007", "amelie+2001", "mine", "7", "SKU-1"]
    found = list(course.read([f"2020-10-01T12:0{n}:00,1,GET /rate/{name}=4".encode() for n, name in enumerate(names)]))
    assert [one.item_id for one in found if isinstance(one, Interaction)] == ["007", "SKU-1", "SKU-1", 7, "SKU-1"]
    watched = list(course.read([b"2020-10-01T13:00:00,1,GET /data/m/007/0.mpg"]))
    assert [one.item_id for one in watched if isinstance(one, Interaction)] == ["007"]


@pytest.mark.parametrize("movie", ["twin+1990", "0", "99999999999999999999", "twin"])
def test_unknown_and_ambiguous_names_mean_no_item(movie: str) -> None:
    assert MovieIds(ITEMS).find(movie) is None


def test_keys() -> None:
    assert movie_key("Amélie (2001)", 2001) == movie_key("amelie+2001") == "amelie+2001"
    assert movie_key("Ocean's Eleven", 2001) == "oceans+eleven+2001"
