"""Lists while a release is let in: its failures reach nobody, every list says how it was made, and a shadow is seen by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from synthetic import make_policy, make_snapshot

from core.errors import DependencyUnavailable, NotFound
from core.events import LISTS, ListMade
from recommender import split
from recommender.experiment import Experiment
from recommender.host import RecommenderHost, Rollouts
from recommender.live import Feeds, LiveRelease
from recommender.roles import Page
from serving.lists.shadow import Shadow

pytestmark = pytest.mark.anyio
WARM = 7


class Two:
    """Releases r1 (version 1, production) and r2 (version 2), and what the registry says of them."""

    def __init__(self, feeds: Feeds, build_world: Any, **aliases: str) -> None:
        self.aliases = {"production": "1", **aliases}
        self.tags: dict[str, dict[str, str]] = {"1": {}, "2": {split.CANARY_SHARE: "1"}}
        snapshots = {version: make_snapshot(f"r{version}", seed=int(version)) for version in "12"}
        live = {version: LiveRelease(version, now, feeds) for version, now in snapshots.items()}
        self.host = RecommenderHost(
            Experiment(),
            {"control": make_policy()},
            lambda name: live[self.aliases.get(name, name)],
            self.version,
            interval=0.0,
            rollouts=Rollouts(self.tags.__getitem__),
        )
        self.host.look()
        self.world = build_world(self.host)

    def version(self, alias: str) -> str:
        if alias not in self.aliases:
            raise NotFound(alias)
        return self.aliases[alias]

    def break_release(self, arm: str) -> None:
        async def fail(*_: object) -> Any:
            raise ValueError("a bug of the new release")

        self.host.of(arm).recommend = fail  # type: ignore[method-assign]

    def lists(self) -> list[ListMade]:
        assert self.world.service.outcomes.flush()
        records = self.world.log.inner.subscribe(LISTS, "test").poll(1_000, 0.0)
        return [ListMade.model_validate_json(record.value) for record in records]

    async def ask(self) -> dict[str, Any]:
        async with self.world.client() as client:
            response = await client.get(f"/recommend/{WARM}", params={"k": 10})
            assert response.status_code == 200, response.text
            return response.json()  # type: ignore[no-any-return]


@pytest.fixture
def make(tmp_path: Any, build_world: Any) -> Iterator[Any]:
    made: list[Two] = []

    def of(**aliases: str) -> Two:
        made.append(Two(Feeds(*(tmp_path / name for name in "abc")), build_world, **aliases))
        return made[-1]

    yield of
    for two in made:
        two.world.service.close()
        two.world.app.state.api.ingestion.close()
        two.world.readiness.close()


async def test_every_list_says_how_it_was_made(make: Any) -> None:
    two = make()
    body = await two.ask()
    [made] = two.lists()
    assert (made.request_id, made.user_id, made.arm, made.model_version) == (body["request_id"], WARM, "control", "r1")
    assert (made.failed, made.degraded, made.shadow, made.overlap) == (False, False, False, None)
    assert 0 < made.seconds < 10


async def test_a_list_without_a_source_is_degraded(make: Any) -> None:
    two = make()

    def away(*_: object) -> Any:
        raise DependencyUnavailable("milvus", "gone")

    two.world.break_source("two_tower", away)
    await two.ask()
    assert [made.degraded for made in two.lists()] == [True]


async def test_users_of_the_canary_get_its_lists(make: Any) -> None:
    two = make(canary="2")
    body = await two.ask()
    assert (body["arm"], body["model_version"]) == ("control-canary", "r2")
    assert [(made.arm, made.model_version, made.failed) for made in two.lists()] == [("control-canary", "r2", False)]


async def test_a_canary_that_fails_costs_nobody_a_list(make: Any) -> None:
    before = REGISTRY.get_sample_value("marquee_release_failures_total", {"arm": "control-canary"}) or 0.0
    two = make(canary="2")
    two.break_release("control-canary")
    body = await two.ask()
    assert (body["arm"], body["model_version"], len(body["recommendations"])) == ("control-canary", "r1", 10)
    assert [(made.arm, made.model_version, made.failed) for made in two.lists()] == [("control-canary", "r2", True)]
    assert {one.arm for one in two.world.shown()} == {"control-canary"}
    assert REGISTRY.get_sample_value("marquee_release_failures_total", {"arm": "control-canary"}) == before + 1


async def test_a_production_release_that_fails_is_an_error(make: Any) -> None:
    two = make(canary="2")
    two.tags["2"][split.CANARY_SHARE] = "0"
    two.host.look()
    two.break_release("control")
    async with two.world.client() as client:
        response = await client.get(f"/recommend/{WARM}")
    assert (response.status_code, "a bug" in response.text) == (500, False)
    assert two.lists() == []


def mirrored(two: Two, share: float) -> None:
    two.world.service._shadow = Shadow(two.world.service.outcomes, share)


async def test_a_shadow_is_seen_by_nobody_and_compared_with_the_list_that_was(make: Any) -> None:
    two = make(staging="2")
    mirrored(two, 1.0)
    body = await two.ask()
    await two.world.service._shadow._busy
    assert body["model_version"] == "r1"
    shown, shadow = two.lists()
    assert (shown.request_id, shown.shadow, shown.overlap) == (shadow.request_id, False, None)
    assert (shadow.arm, shadow.model_version, shadow.shadow, shadow.failed) == ("control-shadow", "r2", True, False)
    assert shadow.overlap is not None
    assert 0 <= shadow.overlap < 1
    assert len(two.world.shown()) == 10, "those of the list that was shown"


async def test_a_shadow_that_fails_is_known_and_nothing_else(make: Any) -> None:
    two = make(staging="2")
    mirrored(two, 1.0)
    two.break_release("control-shadow")
    await two.ask()
    await two.world.service._shadow._busy
    assert [(made.shadow, made.failed, made.overlap) for made in two.lists()] == [(False, False, None), (True, True, None)]


async def test_only_the_share_is_mirrored_and_one_list_at_a_time(make: Any) -> None:
    two = make(staging="2")
    mirrored(two, 0.0)
    await two.ask()
    assert two.world.service._shadow._busy is None
    mirrored(two, 1.0)
    entered, leave = asyncio.Event(), asyncio.Event()
    recommend = two.host.of("control-shadow").recommend

    async def slow(query: Any) -> Any:
        entered.set()
        await leave.wait()
        return await recommend(query)

    two.host.of("control-shadow").recommend = slow
    before = REGISTRY.get_sample_value("marquee_shadow_lists_total", {"outcome": "skipped"}) or 0.0
    await asyncio.gather(*(two.world.service.recommend(WARM, Page(5)) for _ in range(3)))
    await entered.wait()
    assert REGISTRY.get_sample_value("marquee_shadow_lists_total", {"outcome": "skipped"}) == before + 2
    leave.set()
    await two.world.service._shadow._busy
    assert [made.shadow for made in two.lists()].count(True) == 1


async def test_outcomes_that_find_no_room_cost_no_list(make: Any) -> None:
    labels = {"stage": "side_effect", "part": "log_lists"}
    before = REGISTRY.get_sample_value("marquee_stage_errors_total", labels) or 0.0
    two = make()
    two.world.service.outcomes.writer._capacity = 0
    assert len((await two.ask())["recommendations"]) == 10
    two.world.service.outcomes.flush()
    assert REGISTRY.get_sample_value("marquee_stage_errors_total", labels) == before + 1
