"""A breaker: when a service is waited for, who has it asked meanwhile, and what lets callers back to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.breaker import Breaker
from core.errors import DependencyUnavailable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def asked(breaker: Breaker, call: object, patience: float = 1.0) -> None:
    """To its end."""
    with ThreadPoolExecutor(1) as threads:
        breaker.ask_behind(threads, call, patience)  # type: ignore[arg-type]


def test_it_opens_after_so_many_failures_in_a_row(clock: Clock) -> None:
    breaker = Breaker("it", retry_after=5.0, failures=2, clock=clock)
    for report in (breaker.failed, lambda _: breaker.answered(), breaker.failed):
        report("no")
        assert not breaker.open
    breaker.failed("no")
    assert breaker.open


def test_one_caller_in_a_while_has_it_asked(clock: Clock) -> None:
    breaker = Breaker("it", retry_after=5.0, clock=clock)
    assert not breaker.may_ask(), "it is closed: everybody asks"
    breaker.failed("no")
    assert not breaker.may_ask()
    clock.now += 5.0
    assert [breaker.may_ask() for _ in range(3)] == [True, False, False]


def unavailable() -> None:
    raise DependencyUnavailable("it", "no")


def bug() -> None:
    raise ValueError("a bug")


@pytest.mark.parametrize(("call", "stays_open"), [(lambda: None, False), (unavailable, True), (bug, True)])
def test_what_comes_of_asking_behind_a_caller_decides(clock: Clock, call: object, stays_open: bool) -> None:
    breaker = Breaker("it", retry_after=5.0, clock=clock)
    breaker.failed("no")
    clock.now += 5.0
    asked(breaker, call)
    assert breaker.open == stays_open
    assert not breaker.may_ask()


def test_an_answer_that_nobody_would_have_waited_for_is_none(clock: Clock) -> None:
    def slow() -> None:
        clock.now += 2.0

    breaker = Breaker("it", retry_after=5.0, clock=clock)
    breaker.failed("no")
    clock.now += 5.0
    asked(breaker, slow, patience=1.0)
    assert breaker.open


def test_it_says_once_that_it_opened_and_once_that_it_closed(caplog: pytest.LogCaptureFixture) -> None:
    breaker = Breaker("the store", retry_after=5.0)
    for _ in range(3):
        breaker.failed("connection refused")
    for _ in range(3):
        breaker.answered()
    assert caplog.messages == [
        "the store is not waited for until it answers again: connection refused",
        "the store answers again",
    ]
