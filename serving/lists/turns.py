"""Whose list is made now. Under more requests than a process can answer some are refused, before all of them are late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.errors import MarqueeError
from core.ports import Monotonic
from core.telemetry import LISTS_REFUSED

_SMOOTHING = 0.05  # weight of the latest time between two turns in their mean
_BRIEF = 0.25  # of the patience: what is left of it while the queue does not become empty


class Overloaded(MarqueeError):
    """There are more requests than this process can answer in time."""

    status = 503
    slug = "overloaded"
    title = "Too many requests are waiting"


class Turns:
    """At most so many lists at once, in the order of the requests; one that would wait too long is refused at once.

    By time and not by number: how many a process can make in a second is a matter of the machine, the policy and the catalogue.
    So it learns how long it is from one finished list to the next while others are to be made, and expects the time of a list by
    how many are. A burst may take `patience` seconds. But requests that pile up for longer than that are no burst, and would only
    make everybody wait: then a quarter of it has to do, until nobody was refused for that long (after the controlled delay of
    Maurer, Fail at Scale, ACM Queue 13(8), 2015).
    """

    def __init__(self, lists: int, patience: float, clock: Monotonic = time.monotonic) -> None:
        self._turn = asyncio.Semaphore(lists)
        self._patience = patience
        self._clock = clock
        self._here = 0  # requests that wait or have their turn
        # seconds from one finished list to the next while others are here; the mean of the latest some twenty
        self._between = 0.0
        self._finished: float | None = None  # when the latest list was, if others were here
        self._calm = clock()  # when at most one other was here
        self._over = float("-inf")  # when somebody was refused

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn. Raises Overloaded."""
        if refused := self.refusal:
            raise refused
        self._here += 1
        try:
            await self._wait()
            try:
                yield
            finally:
                self._turn.release()
                self._learn()
        finally:
            self._here -= 1

    @property
    def refusal(self) -> Overloaded | None:
        """Why one who comes now is refused; None for one who is not. Whoever would have a turn at once never is."""
        now = self._clock()
        if self._here <= 1:
            self._calm = now
        expected, brief = self._here * self._between, now - self._calm > self._patience or now - self._over <= self._patience
        if not self._turn.locked() or expected <= self._patience * (_BRIEF if brief else 1.0):
            return None
        self._over = now
        return _refused(f"a list would take {expected:.2f} s")

    async def _wait(self) -> None:
        if not self._turn.locked():
            await self._turn.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            raise _refused(f"no list could be begun within {self._patience:g} s") from None

    def _learn(self) -> None:
        now = self._clock()
        if self._finished is not None:
            self._between += (now - self._finished - self._between) * (_SMOOTHING if self._between else 1.0)
        self._finished = now if self._here > 1 else None


def _refused(why: str) -> Overloaded:
    LISTS_REFUSED.inc()
    return Overloaded(f"{why}; ask again later, and start more API processes if this lasts")
