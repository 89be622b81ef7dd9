"""Minutes -> sessions, by hand."""

from __future__ import annotations

import random

from streaming.course_log.parse import Watched
from streaming.course_log.sessions import Session, Sessions


def run(sessions: Sessions, lines: list[tuple[float, int, str, int]]) -> list[Session]:
    return [session for line in lines for session in sessions.add(Watched(*line))]


def test_a_pause_longer_than_the_gap_ends_a_session() -> None:
    sessions = Sessions(gap=100.0)
    assert run(sessions, [(0.0, 1, "a", 0), (60.0, 1, "a", 1), (160.0, 1, "a", 2)]) == []
    assert run(sessions, [(261.0, 1, "a", 3)]) == [Session(1, "a", 0.0, 160.0, 3)]
    assert list(sessions.close()) == [Session(1, "a", 261.0, 261.0, 1)]


def test_a_repeated_line_counts_once_and_a_late_one_belongs_to_its_session() -> None:
    sessions = Sessions(gap=100.0)
    run(sessions, [(60.0, 1, "a", 1), (60.0, 1, "a", 1), (0.0, 1, "a", 0)])
    assert list(sessions.close()) == [Session(1, "a", 0.0, 60.0, 2)]


def test_users_and_films_are_apart_and_others_time_ends_the_silent() -> None:
    sessions = Sessions(gap=100.0)
    assert run(sessions, [(0.0, 1, "a", 0), (0.0, 2, "a", 0), (50.0, 1, "b", 0)]) == []
    assert run(sessions, [(101.0, 3, "c", 0)]) == [Session(1, "a", 0.0, 0.0, 1), Session(2, "a", 0.0, 0.0, 1)]


def test_open_sessions_are_kept_while_a_log_grows() -> None:
    sessions = Sessions(gap=100.0)
    run(sessions, [(0.0, 1, "a", 0), (90.0, 2, "b", 0)])
    assert list(sessions.ended()) == []
    assert len(list(sessions.close())) == 2


def test_memory_is_bounded_and_the_longest_silent_goes_first() -> None:
    sessions = Sessions(gap=1e9, max_open=2)
    assert run(sessions, [(0.0, 1, "a", 0), (1.0, 2, "a", 0), (2.0, 1, "a", 1), (3.0, 3, "a", 0)]) == [
        Session(2, "a", 1.0, 1.0, 1)
    ]


def test_no_minute_is_lost_and_the_same_lines_make_the_same_sessions() -> None:
    dice = random.Random(1)
    lines = [(dice.uniform(0, 5000), dice.randint(1, 5), dice.choice("ab"), number % 1440) for number in range(1440)]

    def all_of() -> list[Session]:
        sessions = Sessions(gap=200.0, max_open=4)
        return run(sessions, lines) + list(sessions.close())

    assert sum(session.minutes for session in all_of()) == len(lines)
    assert all_of() == all_of()
