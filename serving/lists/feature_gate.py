"""Reads online features off the event loop, under a time-out, behind a circuit breaker.

A store that hangs would otherwise hold one thread and one time-out per request; behind the breaker only those who were under way
when it began to hang wait for a time-out, and everyone after them is answered from popularity at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from cachetools import TTLCache

from core.breaker import Breaker
from core.errors import DependencyUnavailable
from core.features import UserFeatures
from core.ports import AsyncFeatureReader, FeatureReader, Monotonic

SERVICE = "feature store"
_LAST_MOMENT = 0.02  # seconds
_KEPT, _KEPT_SECONDS = 2000, 600.0  # users whose features are kept in case the store does not answer: some 10 KB each


class Stored(NamedTuple):
    """What the store has of a user. Two of the same `version` mean the same features; `value` is for the gate alone."""

    version: Hashable
    value: Any


class FeatureGate:
    """The only way from a request to the feature store."""

    def __init__(
        self,
        reader: FeatureReader,
        timeout: float = 0.25,
        retry_after: float = 0.5,
        threads: int = 8,
        clock: Monotonic = time.monotonic,
    ) -> None:
        """`timeout` and `retry_after` in seconds. It has threads of its own, so that a dead store blocks nothing else."""
        self._reader = reader
        self._async = reader if isinstance(reader, AsyncFeatureReader) and reader.reads_async else None
        self._timeout = timeout
        self._breaker = Breaker(SERVICE, retry_after, clock=clock)
        self._asking: asyncio.Task[None] | None = None  # behind an answer
        self._latest: TTLCache[int, UserFeatures] = TTLCache(_KEPT, _KEPT_SECONDS, clock)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="features")

    async def read(self, user_id: int) -> UserFeatures | None:
        """The user's features, None for a user never seen. Raises DependencyUnavailable."""
        return self.decoded(user_id, await self.ask(user_id))

    def ask(self, user_id: int) -> Coroutine[Any, Any, Stored]:
        """What is stored of the user. It is asked for at once, and awaited by whoever wants the answer.

        Awaiting raises DependencyUnavailable.
        """
        if not self._breaker.open:
            return self._answered(self._begun(user_id))
        if self._breaker.may_ask():
            self._asking = asyncio.create_task(self._ask_behind(user_id))
        return _refused()

    def decoded(self, user_id: int, stored: Stored) -> UserFeatures | None:
        """The features that are stored. Raises DependencyUnavailable for a record that cannot be read."""
        found = stored.value if self._async is None else self._async.decoded(user_id, stored.value)
        self._keep(user_id, found)
        return found

    async def _answered(self, asked: Awaitable[Any]) -> Stored:
        try:
            found = await self._in_time(asked)
        except TimeoutError as error:
            reason = f"no answer within {self._timeout * 1e3:.0f} ms"
            self._breaker.failed(reason)
            raise DependencyUnavailable(SERVICE, reason, "see /health/ready") from error
        except DependencyUnavailable as error:
            self._breaker.failed(error.detail)
            raise
        self._breaker.answered()
        return Stored(_version(found) if self._async is None else found, found)

    def last_known(self, user_id: int) -> UserFeatures | None:
        """What was last read of a user by this process within ten minutes, if anything: for when the store does not answer."""
        return self._latest.get(user_id)

    def forget(self, user_id: int) -> None:
        self._latest.pop(user_id, None)

    def _keep(self, user_id: int, found: UserFeatures | None) -> None:
        self.forget(user_id)  # also of one who was erased meanwhile
        if found is not None:
            self._latest[user_id] = found

    async def _ask_behind(self, user_id: int) -> None:
        """For the breaker alone: nobody waits for what is found."""
        with suppress(DependencyUnavailable):
            await self._answered(self._begun(user_id))

    async def _in_time(self, asked: Awaitable[Any]) -> Any:
        """Raises TimeoutError.

        The time-out has a last moment that begins when the event loop sees that it is over: an answer that arrived while this
        process stood still is read, and the store is not blamed.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            over = loop.call_later(self._timeout, lambda: limit.reschedule(loop.time() + _LAST_MOMENT))
            try:
                return await asked
            finally:
                over.cancel()

    async def disconnect(self) -> None:
        """Close the connections of this event loop."""
        if self._async is not None:
            await self._async.disconnect_async()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begun(self, user_id: int) -> Awaitable[Any]:
        if self._async is not None:
            return self._async.stored_async(user_id)
        return asyncio.get_running_loop().run_in_executor(self._threads, self._reader.read, user_id)


async def _refused() -> Stored:
    raise DependencyUnavailable(SERVICE, "it did not answer a moment ago", "see /health/ready")


def _version(user: UserFeatures | None) -> Hashable:
    """What differs when anything that a list is made from does."""
    return None if user is None else (user.applied_offset, user.n_events, user.last_seen, user.profile)
