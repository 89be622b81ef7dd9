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


class Overloaded(MarqueeError):
    """There are more requests than this process can answer in time."""

    status = 503
    slug = "overloaded"
    title = "Too many requests are waiting"


class Turns:
    """At most so many lists at once, in the order of the requests; one that would wait longer than `patience` seconds is refused.

    By time and not by number: how many a process can make in a second is a matter of the machine, the policy and the catalogue.
    So it learns how long it is from one turn to the next while others wait, and refuses at once who would wait too long by that:
    they can ask elsewhere, and cost next to nothing. A wait that still becomes too long, because something stands still, ends.
    """

    def __init__(self, lists: int, patience: float, clock: Monotonic = time.monotonic) -> None:
        self._turn = asyncio.Semaphore(lists)
        self._patience = patience
        self._clock = clock
        self._waiting = 0
        self._between = 0.0  # seconds from one turn to the next while others wait; the mean of the latest some twenty
        self._given: float | None = None  # when the latest turn was given, if others waited then

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn. Raises Overloaded."""
        if self._turn.locked():
            await self._wait()
        else:
            self._given = None
            await self._turn.acquire()  # at once
        try:
            yield
        finally:
            self._turn.release()

    @property
    def expected(self) -> float:
        """Seconds that one who comes now will wait, if all goes on as it did."""
        return (self._waiting + 1) * self._between if self._turn.locked() else 0.0

    async def _wait(self) -> None:
        if self.expected > self._patience:
            raise self._refusal(f"a list would begin in {self.expected:.1f} s")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            raise self._refusal(f"no list could be begun within {self._patience:g} s") from None
        finally:
            self._waiting -= 1
        self._learn()

    def _learn(self) -> None:
        now = self._clock()
        if self._given is not None:
            self._between += (now - self._given - self._between) * (_SMOOTHING if self._between else 1.0)
        self._given = now

    def _refusal(self, why: str) -> Overloaded:
        LISTS_REFUSED.inc()
        return Overloaded(f"{why}; ask again later, and start more API processes if this lasts")
