"""A background thread survives its own bugs, and says how it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from core.background import Background, Phase


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.002)


class Work:
    """Raises `bugs` times, then works until `over`."""

    def __init__(self, bugs: int) -> None:
        self.bugs = bugs
        self.over = threading.Event()
        self.working = threading.Event()

    def __call__(self) -> None:
        if self.bugs:
            self.bugs -= 1
            raise ValueError(f"a bug, {self.bugs} to come")
        self.working.set()
        self.over.wait()


def failures(name: str) -> float:
    return REGISTRY.get_sample_value("marquee_background_failures_total", {"thread": name}) or 0.0


def test_a_bug_is_logged_and_counted_and_the_work_starts_again(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(bugs=3)
    background = Background("three bugs", work, min_pause=0.001)
    background.start()
    assert work.working.wait(30)
    assert background.state.phase is Phase.RUNNING
    assert background.state.error == "ValueError: a bug, 0 to come"
    assert background.state.failed_ago < 30
    assert failures("three bugs") == 3
    assert caplog.text.count("Traceback") == 3
    assert caplog.text.count("the background thread three bugs failed and starts again") == 3
    work.over.set()
    background.stop()
    assert background.state.phase is Phase.STOPPED


def test_its_state_is_restarting_while_it_waits_and_stopping_ends_the_wait() -> None:
    background = Background("waits", Work(bugs=1), min_pause=3600.0, max_pause=3600.0)
    background.start()
    until(lambda: background.state.phase is Phase.RESTARTING)
    assert str(background.state) == "restarting: ValueError: a bug, 0 to come"
    background.stop(timeout=30)
    assert str(background.state) == "stopped"


def test_the_pause_doubles_up_to_its_bound(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(bugs=5)
    background = Background("doubles", work, min_pause=0.1, max_pause=0.3, clock=lambda: 0.0)
    background._stop.wait = lambda pause: waited.append(pause)  # type: ignore[assignment,func-returns-value]
    waited: list[float | None] = []
    background.start()
    assert work.working.wait(30)
    assert waited == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3])
    work.over.set()
    background.stop()


def test_the_pause_starts_over_once_the_work_went_well_for_a_while() -> None:
    work, waited = Work(bugs=4), []
    background = Background("recovers", work, min_pause=0.1, max_pause=0.3, clock=iter(range(1000)).__next__)
    background._stop.wait = lambda pause: waited.append(pause)  # type: ignore[assignment,func-returns-value]
    background.start()
    assert work.working.wait(30)
    assert waited == pytest.approx([0.1] * 4)  # by this clock each run lasted a second
    work.over.set()
    background.stop()


def test_one_that_was_never_started_is_stopped() -> None:
    background = Background("idle", Work(bugs=0))
    assert background.state.phase is Phase.STOPPED
    background.stop()


def test_work_that_returns_is_over() -> None:
    background = Background("returns", lambda: None)
    background.start()
    until(lambda: background.state.phase is Phase.STOPPED)
    assert failures("returns") == 0
