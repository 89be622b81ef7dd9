"""The same page again: for seconds, while nothing that it was made from has changed, and for longer where nothing can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest
from prometheus_client import REGISTRY
from synthetic import make_policy, make_snapshot

from core.item_facts import ItemFacts
from serving.lists.list_cache import Answer, CacheConfig, ListCache, ListVersion

pytestmark = pytest.mark.anyio
WARM, COLD = 7, 999
SECONDS = 10.0


class At:
    """A clock that stands where it is put."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> At:
    return At()


@pytest.fixture
def cached(build_world: Callable[..., Any], make_host: Callable[..., Any], clock: At) -> Callable[..., Any]:
    """A function that makes a world with a cache; its policy explores, so that no two lists are drawn alike."""

    def build(**parts: Any) -> Any:
        host = parts.pop("host", None) or make_host(exploration=0.5)
        return build_world(host, cache=ListCache(CacheConfig(SECONDS), clock), **parts)

    return build


async def ask(world: Any, path: str = f"/recommend/{WARM}", **parameters: Any) -> httpx.Response:
    async with world.client() as client:
        answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("marquee_list_cache_total", {"outcome": outcome}) or 0.0


async def test_the_same_page_is_shown_again_and_is_one_list(cached: Callable[..., Any], clock: At) -> None:
    world, hits = cached(), counted("hit")
    first = await ask(world)
    clock.now += 3
    again = await ask(world)
    assert again.content == first.content
    assert again.headers["X-Request-Id"] == first.headers["X-Request-Id"] == first.json()["request_id"]
    assert ("Age" in first.headers, again.headers["Age"]) == (False, "3")
    assert len(world.shown()) == 20
    assert counted("hit") == hits + 1


async def test_it_ends_after_about_its_seconds(cached: Callable[..., Any], clock: At) -> None:
    world = cached()
    first = await ask(world)
    clock.now += SECONDS * 0.79
    assert (await ask(world)).content == first.content
    clock.now += SECONDS * 0.42
    assert (await ask(world)).json()["request_id"] != first.json()["request_id"]


async def test_not_all_of_a_burst_end_together(cached: Callable[..., Any], clock: At) -> None:
    world = cached()
    before = {user: (await ask(world, f"/recommend/{user}")).content for user in range(5000, 5040)}
    clock.now += SECONDS
    same = [(await ask(world, f"/recommend/{user}")).content == body for user, body in before.items()]
    assert 4 < sum(same) < 36


async def test_an_event_of_the_user_ends_it_at_once(cached: Callable[..., Any]) -> None:
    world = cached()
    first, other = await ask(world), await ask(world, "/recommend/8")
    world.remember(WARM, [10, 20, 30, 40, 50, 60])
    assert 60 not in [place["item_id"] for place in (await ask(world)).json()["recommendations"]]
    assert (await ask(world)).json()["request_id"] != first.json()["request_id"]
    assert (await ask(world, "/recommend/8")).content == other.content


@pytest.mark.parametrize(
    "parameters",
    [{"k": 5}, {"genre": "Drama"}, {"format": "ids"}, {"trace": "true"}, {"explain": "true"}, {"exclude": "10"}],
    ids=lambda parameters: next(iter(parameters)),
)
async def test_another_request_has_a_list_of_its_own(cached: Callable[..., Any], parameters: dict[str, Any]) -> None:
    world = cached()
    first, other = await ask(world), await ask(world, **parameters)
    assert other.headers["X-Request-Id"] != first.headers["X-Request-Id"]


async def test_the_next_page_goes_on_with_it(cached: Callable[..., Any]) -> None:
    world = cached()
    first, again = await ask(world), await ask(world)
    second = await ask(world, offset=20, page_of=again.json()["request_id"])
    shown = [[place["item_id"] for place in page.json()["recommendations"]] for page in (first, second)]
    assert not set(shown[0]) & set(shown[1])


async def test_a_hidden_item_is_on_no_list_that_is_shown_again(cached: Callable[..., Any], make_host: Callable[..., Any]) -> None:
    catalogue, news = make_snapshot().catalogue, [None]
    world = cached(host=make_host(exploration=0.5, look=lambda: news[0]))
    first = (await ask(world)).json()["recommendations"][0]["item_id"]
    hidden = pl.col("item_id").is_in([first]).alias("hidden")
    news[0] = ItemFacts(catalogue.to_frame().with_columns(hidden))
    world.service.host.look()
    assert first not in [place["item_id"] for place in (await ask(world)).json()["recommendations"]]


async def test_a_release_shows_nothing_of_the_one_before(cached: Callable[..., Any], make_host: Callable[..., Any]) -> None:
    world, other = cached(), cached(host=make_host(make_snapshot("r2"), control={"share": 1.0, "release": "r2"}))
    assert (await ask(world)).json()["model_version"] == "r1"
    world.service.host = other.service.host
    assert (await ask(world)).json()["model_version"] == "r2"


async def test_without_a_feature_store_an_older_list_is_better_than_what_is_popular(
    cached: Callable[..., Any], clock: At, refuse: Callable[..., Any]
) -> None:
    world = cached()
    first = await ask(world)
    compact = await ask(world, format="ids")
    clock.now += 300
    world.features.broken = refuse
    world.service.features.forget(WARM)  # others came since
    again = await ask(world)
    assert (again.json()["strategy"], again.json()["recommendations"]) == ("cached", first.json()["recommendations"])
    assert (await ask(world, format="ids")).json() == compact.json()
    assert (await ask(world, f"/recommend/{COLD}")).json()["strategy"] == "popular_degraded"
    clock.now += 301
    assert (await ask(world)).json()["strategy"] == "popular_degraded"


async def test_an_erased_user_is_forgotten(cached: Callable[..., Any], refuse: Callable[..., Any]) -> None:
    world = cached()
    await ask(world)
    world.service.forget(WARM)
    world.features.broken = refuse
    assert (await ask(world)).json()["strategy"] == "popular_degraded"


async def test_a_list_that_depends_on_what_was_shown_is_made_anew(
    cached: Callable[..., Any], make_host: Callable[..., Any]
) -> None:
    policy = make_policy(0.0, filter=[{"part": "seen"}, {"part": "fatigue", "shown": 2, "window_hours": 10.0}])
    world = cached(host=make_host(policy=policy))
    assert len({(await ask(world)).json()["request_id"] for _ in range(3)}) == 3


def test_it_has_a_bound_in_bytes_and_the_longest_unasked_goes_first(make_host: Callable[..., Any]) -> None:
    host = make_host()
    cache, version = ListCache(CacheConfig(SECONDS, max_bytes=10_000)), ListVersion.of(host.choose(WARM), None)
    for number in range(20):
        cache.keep((number, ""), version, Answer(b"x" * 500, "0" * 32))
        cache.get((0, ""), version)
    held = [number for number in range(20) if cache.get((number, ""), version)]
    assert held == [0, *range(11, 20)]


def test_switched_off_it_keeps_nothing(make_host: Callable[..., Any]) -> None:
    cache, version = ListCache(CacheConfig(0.0)), ListVersion.of(make_host().choose(WARM), None)
    cache.keep((1, ""), version, Answer(b"x", "0" * 32))
    assert cache.get((1, ""), version) is None
    assert cache.stale((1, ""), version) is None
