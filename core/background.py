"""Work in a background thread that survives its own bugs: an exception is logged and counted, and the work starts again.

An unsupervised daemon thread that raises ends in silence while its process looks healthy. A `Background` can be asked how it
is, and the readiness report includes its state.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from core.ports import Monotonic
from core.telemetry import BACKGROUND_FAILURES

log = logging.getLogger(__name__)


class Phase(StrEnum):
    """`restarting`: the work failed and waits for its next start. `stopped`: the thread is not running."""

    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class State:
    """How a background thread is; `error` is its last failure, which happened `failed_ago` seconds ago."""

    phase: Phase
    error: str = ""
    failed_ago: float = inf

    def __str__(self) -> str:
        return f"{self.phase.value}: {self.error}" if self.phase is Phase.RESTARTING else self.phase.value


class Background:
    """Runs `work` in a daemon thread until it returns. When it raises, it is started again after a pause.

    The pause doubles from `min_pause` to `max_pause` seconds, and starts over once the work has run for longer than that.
    `work` must return soon after its owner told it to; `stop` only ends the pauses and waits for the thread.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        min_pause: float = 0.1,
        max_pause: float = 5.0,
        clock: Monotonic = time.monotonic,
    ) -> None:
        self.name = name
        self._work = work
        self._min_pause = min_pause
        self._max_pause = max_pause
        self._clock = clock
        self._stop = threading.Event()
        self._restarting = False
        self._failure: tuple[str, float] | None = None  # the last one, and when it happened
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; call it once, when everything that `work` uses is built."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Wait up to `timeout` seconds for the work to return, and do not start it again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def state(self) -> State:
        error, ago = "", inf
        if self._failure is not None:
            error, ago = self._failure[0], self._clock() - self._failure[1]
        if not self._thread.is_alive():
            return State(Phase.STOPPED, error, ago)
        return State(Phase.RESTARTING if self._restarting else Phase.RUNNING, error, ago)

    def _run(self) -> None:
        pause = self._min_pause
        while not self._stop.is_set():
            self._restarting = False
            started = self._clock()
            try:
                self._work()
                return
            except Exception as error:  # the point of this class: no bug ends the thread
                if self._clock() - started > self._max_pause:
                    pause = self._min_pause
                self._failed(error, pause)
            self._stop.wait(pause)
            pause = min(2 * pause, self._max_pause)

    def _failed(self, error: Exception, pause: float) -> None:
        log.exception("the background thread %s failed and starts again in %.1f s", self.name, pause)
        BACKGROUND_FAILURES.labels(self.name).inc()
        self._failure = (f"{type(error).__name__}: {error}", self._clock())
        self._restarting = True
