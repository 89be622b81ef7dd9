"""How often one user, or one key, may ask: a token bucket that refills evenly over a minute.

The buckets are in Redis where there is one, so that all API processes count together; otherwise, and while Redis does not
answer, in this process. Then each process lets through as much as all of them should: a limit that is too wide for some seconds
is better than refusing everybody.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any

from throttled import rate_limiter
from throttled.asyncio import MemoryStore, RedisStore, Throttled

from core.breaker import Breaker
from core.ports import Monotonic
from core.telemetry import RATES_LOCAL
from serving.access.refusals import TooManyRequests

RATE_HEADERS = ("RateLimit-Policy", "RateLimit")
GCRA = "gcra"  # the generic cell rate algorithm: a token bucket of which one number has to be kept


@dataclass(frozen=True)
class RateConfig:
    """`per_minute` requests, 0 for no limit; as many may come at once."""

    per_minute: int = 1000
    redis_url: str | None = None
    timeout: float = 0.1  # seconds that Redis has to answer
    retry_after: float = 2.0  # seconds after which a Redis that did not answer is asked again, by one request
    buckets: int = 100_000  # that this process keeps, of those who asked latest


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to somebody: `remaining` requests now, all of `per_minute` again in `reset` seconds."""

    per_minute: int
    remaining: int
    reset: float

    @property
    def headers(self) -> dict[str, str]:
        """`draft-ietf-httpapi-ratelimit-headers-10`."""
        policy = f'"requests";q={self.per_minute};w=60'
        return dict(zip(RATE_HEADERS, (policy, f'"requests";r={self.remaining};t={math.ceil(self.reset)}'), strict=True))


class Rates:
    """Counts requests. Used from one event loop."""

    def __init__(self, config: RateConfig, clock: Monotonic = time.monotonic) -> None:
        self._config = config
        self._local = MemoryStore(options={"MAX_SIZE": config.buckets})
        self._shared = None if config.redis_url is None else RedisStore(config.redis_url, _line(config.redis_url))
        self._breaker = Breaker("Redis, for rate limits,", config.retry_after, clock=clock)
        self._limiters: dict[tuple[int, bool], Throttled] = {}  # by limit, and whether it is shared

    async def count(self, who: str, per_minute: int | None = None) -> Allowance | None:
        """Count a request of `who`; None where there is no limit. Raises TooManyRequests, and then it is not counted."""
        limit = self._config.per_minute if per_minute is None else per_minute
        if not limit:
            return None
        found = await self._take(who, limit)
        left = Allowance(limit, found.state.remaining, found.state.reset_after)
        if found.limited:
            raise TooManyRequests(who, limit, found.state.retry_after, left.headers)
        return left

    async def close(self) -> None:
        """Close the connections of this event loop."""
        if self._shared is not None:
            client: Any = self._shared._backend.get_client()  # the library itself has no way to close
            await client.aclose()

    async def _take(self, who: str, limit: int) -> rate_limiter.RateLimitResult:
        if self._shared is not None and (not self._breaker.open or self._breaker.may_ask()):
            try:
                async with asyncio.timeout(self._config.timeout):
                    found = await self._limiter(limit, shared=True).limit(who)
            except Exception as error:  # of the library, of Redis, of the network: none may cost a request
                self._breaker.failed(repr(error))
            else:
                self._breaker.answered()
                return found
        if self._shared is not None:
            RATES_LOCAL.inc()
        return await self._limiter(limit, shared=False).limit(who)

    def _limiter(self, limit: int, *, shared: bool) -> Throttled:
        """One for each limit that anybody has: as many as keys with one of their own."""
        found = self._limiters.get((limit, shared))
        if found is None:
            store = self._shared if shared and self._shared is not None else self._local
            quota = rate_limiter.per_min(limit)
            found = Throttled(using=GCRA, quota=quota, store=store, key_prefix="marquee:rates")
            self._limiters[limit, shared] = found
        return found


def _line(url: str) -> dict[str, Any]:
    """Options by which the library goes the way of the feature store, so that both are asked in one round trip."""
    return {"REDIS_CLIENT_CLASS": "feature_repo.adapters.redis_line.LineRedis", "REDIS_CLIENT_KWARGS": {"line_url": url}}
