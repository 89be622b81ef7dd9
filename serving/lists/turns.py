"""Whose list is made now. Under more requests than a process can answer some are refused, before all of them are late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.errors import MarqueeError
from core.telemetry import LISTS_REFUSED


class Overloaded(MarqueeError):
    """There are more requests than this process can answer in time."""

    status = 503
    slug = "overloaded"
    title = "Too many requests are waiting"


class Turns:
    """At most so many lists at once, in the order of the requests; one that waits longer than `patience` seconds is refused.

    By time and not by number: how many a process can make in a second is a matter of the machine, the policy and the catalogue.
    Those who are served wait no longer than `patience`, however many come; but a refusal costs some 2 ms of them.
    """

    def __init__(self, lists: int, patience: float) -> None:
        self._turn = asyncio.Semaphore(lists)
        self._patience = patience

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn. Raises Overloaded."""
        if self._turn.locked():
            await self._wait()
        else:
            await self._turn.acquire()  # at once
        try:
            yield
        finally:
            self._turn.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            LISTS_REFUSED.inc()
            raise Overloaded(
                f"no list could be begun within {self._patience:g} s; ask again later, and start more API processes if this lasts"
            ) from None
