"""Runs visits at a given rate with limited concurrency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from core.ports import Clock
from evaluation.simulation.arrivals import Visit
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.simulation import Simulation


class TokenBucket:
    """Admits `rate` per second, and at most `burst` at once after a pause."""

    def __init__(self, rate: float, burst: float, clock: Clock = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._last = burst, clock()

    def wait(self, wanted: float = 1.0) -> float:
        """Take `wanted` tokens; returns the seconds to wait until they are available."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate) - wanted
        self._last = now
        return max(0.0, -self._tokens / self._rate)


async def drive(
    simulation: Simulation,
    visitor: Callable[[Visit], Awaitable[None]],
    bucket: TokenBucket,
    statistics: RunStatistics,
    going: Callable[[], bool],
    max_concurrent: int = 64,
) -> None:
    """Run visits at the bucket's rate while `going()`, at most `max_concurrent` at a time."""
    room = asyncio.Semaphore(max_concurrent)

    async def one(visit: Visit) -> None:
        try:
            await visitor(visit)
        finally:
            room.release()

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while going():
            if (pause := bucket.wait()) > 0:
                await asyncio.sleep(pause)
            await room.acquire()
            visit = simulation.arrivals.visit(statistics.visits)
            statistics.visits += 1
            statistics.cold += visit.cold
            group.create_task(one(visit))
    statistics.seconds = time.perf_counter() - start
