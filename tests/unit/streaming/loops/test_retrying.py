"""A service that is down is asked again; one that refuses this process ends it."""

from __future__ import annotations

import threading

import pytest

from core.errors import DependencyRefused, DependencyUnavailable
from streaming.consumer import Consumer
from streaming.loops.retrying import retry_until_available


class Fails:
    """Fails with these errors, one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


DOWN, REFUSED = DependencyUnavailable("kafka", "no answer"), DependencyRefused("kafka", "fenced", "stop the other one")


def test_what_is_down_is_asked_until_it_answers() -> None:
    assert retry_until_available(Fails(DOWN, DOWN), "event_log", threading.Event()) == "answer"


def test_what_refuses_is_not_asked_again() -> None:
    asked = Fails(DOWN, REFUSED, DOWN)
    with pytest.raises(DependencyRefused, match="kafka answers, and refuses this process: fenced; stop the other one"):
        retry_until_available(asked, "event_log", threading.Event())
    assert asked.errors == [DOWN]


def test_a_consumer_that_is_refused_ends_whole_and_says_why() -> None:
    class Refused:
        def run(self, stop: threading.Event) -> None:
            retry_until_available(Fails(REFUSED), "event_log", stop)

    class Works:
        def run(self, stop: threading.Event) -> None:
            assert stop.wait(5.0)

    with pytest.raises(DependencyRefused):
        Consumer([Works(), Refused()]).run(threading.Event())
