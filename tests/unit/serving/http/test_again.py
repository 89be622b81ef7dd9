"""The short way of a list that is shown again says and refuses what the long way does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from small_access import access_in

from core.features import UserFeatures
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from feature_repo.transforms import UserEvent, apply
from serving.access.callers import Scope
from serving.lists.feature_gate import FeatureGate
from serving.lists.list_cache import CacheConfig, ListCache

pytestmark = pytest.mark.anyio
WARM = 7
PATH = f"/recommend/{WARM}"


@pytest.fixture
def cached(build_world: Callable[..., Any], make_host: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes a world that shows lists again."""
    return lambda **parts: build_world(make_host(exploration=0.5), cache=ListCache(CacheConfig(60.0)), **parts)


async def ask(world: Any, path: str = PATH, **headers: str) -> httpx.Response:
    async with world.client() as client:
        return await client.get(path, headers=headers)


async def test_both_ways_send_the_same_headers(cached: Callable[..., Any], tmp_path: Path) -> None:
    world = cached(access=access_in(tmp_path, per_minute=60))
    first, again = await ask(world), await ask(world)
    assert again.content == first.content
    assert set(again.headers) - set(first.headers) == {"age"}
    assert set(first.headers) <= set(again.headers)
    assert again.headers["RateLimit"].startswith('"requests";r=58')


async def test_a_list_that_is_shown_again_is_counted_once_and_refused_beyond_the_limit(
    cached: Callable[..., Any], tmp_path: Path
) -> None:
    world = cached(access=access_in(tmp_path, per_minute=5))
    answers = [await ask(world) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["type"] == "urn:marquee:problem:too-many-requests"
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_one_that_has_to_be_made_anew_is_counted_once(cached: Callable[..., Any], tmp_path: Path) -> None:
    world = cached(access=access_in(tmp_path, per_minute=60))
    await ask(world)
    world.remember(WARM, [60])
    assert (await ask(world)).headers["RateLimit"].startswith('"requests";r=58')


async def test_who_may_not_read_is_shown_nothing(cached: Callable[..., Any], tmp_path: Path) -> None:
    access = access_in(tmp_path, open_to_all=False)
    reader = {"X-Api-Key": access.keys.create("reader", [Scope.READ])}
    writer = {"X-Api-Key": access.keys.create("writer", [Scope.EVENTS])}
    world = cached(access=access)
    assert [(await ask(world, **reader)).status_code for _ in range(2)] == [200, 200]
    assert (await ask(world)).status_code == 401
    assert (await ask(world, **writer)).status_code == 403
    access.keys.revoke("reader")
    assert (await ask(world, **reader)).status_code == 401


async def test_a_variant_that_is_asked_for_is_not_passed_over(cached: Callable[..., Any]) -> None:
    world = cached()
    await ask(world)
    assert (await ask(world, **{"X-Experiment-Variant": "trial:b"})).status_code == 401


async def test_it_needs_no_turn(cached: Callable[..., Any]) -> None:
    world = cached()
    first = await ask(world)
    async with world.service._turns.one(), world.service._turns.one(), world.service._turns.one(), world.service._turns.one():
        assert (await ask(world)).content == first.content


@pytest.mark.service("redis")
async def test_what_redis_has_is_compared_and_not_unpacked(
    cached: Callable[..., Any], redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Redis.from_url(redis_url) as client:
        client.flushdb()
    features = FeastFeatures(FeastConfig(tmp_path, redis_url=redis_url))
    user = UserFeatures(WARM)
    for item in (10, 20, 30):
        user = apply(user, UserEvent(WARM, item, "rating", 4.0, 1.7e9), ["Drama"])
    features.write([user])
    world, unpacked = cached(), []
    world.service.features = FeatureGate(features, timeout=5.0)
    decode = features.decoded
    monkeypatch.setattr(features, "decoded", lambda *given: unpacked.append(given) or decode(*given))
    try:
        first = await ask(world)
        assert {answer.content for answer in await asyncio.gather(*(ask(world) for _ in range(20)))} == {first.content}
        assert len(unpacked) == 1
        features.write([user])  # the same again
        assert (await ask(world)).content == first.content
        features.write([apply(user, UserEvent(WARM, 40, "rating", 4.0, 1.7e9 + 1), ["Drama"])])
        assert (await ask(world)).headers["X-Request-Id"] != first.headers["X-Request-Id"]
        features.erase(WARM)
        assert (await ask(world)).json()["cold_start"] is True
    finally:
        await features.disconnect_async()
        features.close()
