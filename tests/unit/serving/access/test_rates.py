"""The rate limit: as many as it says and no more, together over all processes, and none lost to a Redis that is away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from app.processes import listening
from core.telemetry import RATES_LOCAL
from serving.access.rates import RateConfig, Rates
from serving.access.refusals import TooManyRequests

pytestmark = pytest.mark.anyio


async def admitted(rates: Rates, who: str, requests: int, per_minute: int | None = None) -> int:
    count = 0
    for _ in range(requests):
        try:
            await rates.count(who, per_minute)
        except TooManyRequests:
            continue
        count += 1
    return count


async def test_as_many_as_the_limit_are_admitted() -> None:
    rates = Rates(RateConfig(per_minute=20))
    assert await admitted(rates, "user 1", 30) == 20
    assert await admitted(rates, "user 2", 10) == 10
    with pytest.raises(TooManyRequests, match="user 1 may ask 20 times a minute") as caught:
        await rates.count("user 1")
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 3  # one more is allowed every three seconds
    assert caught.value.headers["RateLimit-Policy"] == '"requests";q=20;w=60'


async def test_what_is_left_is_said() -> None:
    rates = Rates(RateConfig(per_minute=20))
    left = [await rates.count("user 1") for _ in range(3)]
    assert [one.remaining for one in left if one] == [19, 18, 17]
    assert left[2] is not None
    assert left[2].headers["RateLimit"] == '"requests";r=17;t=9'


async def test_a_limit_of_ones_own_and_none() -> None:
    rates = Rates(RateConfig(per_minute=5))
    assert await admitted(rates, "key shop", 30, per_minute=25) == 25
    assert await admitted(rates, "key batch", 30, per_minute=0) == 30
    assert await Rates(RateConfig(per_minute=0)).count("user 1") is None


async def test_who_asked_longest_ago_is_forgotten_first() -> None:
    rates = Rates(RateConfig(per_minute=1, buckets=10))
    assert await admitted(rates, "user 1", 2) == 1
    for user in range(2, 20):
        await rates.count(f"user {user}")
    assert await admitted(rates, "user 1", 2) == 1


@pytest.mark.service("redis")
async def test_processes_count_together(redis_url: str) -> None:
    config = RateConfig(per_minute=20, redis_url=redis_url)
    here, there = Rates(config), Rates(config)
    try:
        both = await asyncio.gather(admitted(here, "user 71", 15), admitted(there, "user 71", 15))
        assert sum(both) == 20
    finally:
        await here.close()
        await there.close()


@pytest.fixture
def own_redis(free_port: Callable[[], int]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not listening("127.0.0.1", port):
            time.sleep(0.02)
        yield process, f"redis://127.0.0.1:{port}/0"
        process.kill()


@pytest.mark.service("redis")
async def test_a_redis_that_stands_still_costs_no_request(own_redis: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = own_redis
    rates = Rates(RateConfig(per_minute=20, redis_url=url, retry_after=0.5))
    try:
        assert await admitted(rates, "user 1", 5) == 5
        counted = RATES_LOCAL._value.get()
        os.kill(process.pid, signal.SIGSTOP)
        assert await admitted(rates, "user 1", 30) == 20  # this process counts from the beginning
        assert RATES_LOCAL._value.get() == counted + 30
        os.kill(process.pid, signal.SIGCONT)
        await asyncio.sleep(0.6)
        assert 12 <= await admitted(rates, "user 1", 30) <= 18  # and Redis goes on where it was
        assert RATES_LOCAL._value.get() == counted + 30
    finally:
        await rates.close()
