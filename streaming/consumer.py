"""The consumer process: one thread that keeps features fresh, one per table that fills the lake.

`python -m streaming.consumer` runs it with the settings of the environment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

_JOIN_SECONDS = 0.2
_log = logging.getLogger(__name__)


class Loop(Protocol):
    """Work that runs until it is told to stop."""

    def run(self, stop: threading.Event) -> None: ...


class Consumer:
    """Runs loops side by side. If one ends with a bug all stop and `run` raises: half a consumer is worse than none."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops

    def run(self, stop: threading.Event) -> None:
        failures: list[BaseException] = []

        def guarded(loop: Loop) -> None:
            try:
                loop.run(stop)
            except BaseException as error:
                failures.append(error)
                stop.set()

        threads = [threading.Thread(target=guarded, args=(loop,), name=type(loop).__name__) for loop in self._loops]
        for thread in threads:
            thread.start()
        for thread in threads:
            # A signal may reach any thread, its handler runs in this one only, and a join without end would never run it.
            while thread.is_alive():
                thread.join(_JOIN_SECONDS)
        if failures:
            raise failures[0]
        _log.info("stopped; what was applied is committed")


if __name__ == "__main__":
    from app.entrypoints import run_consumer

    run_consumer()
