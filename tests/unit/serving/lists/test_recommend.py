"""GET /recommend: exactly k, nothing consumed, nothing twice, and the right name for where the list came from."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import numpy as np
import polars as pl
import pytest
from prometheus_client import REGISTRY
from synthetic import make_snapshot

from core.item_facts import ItemFacts
from recommender.roles import Page
from serving.lists.feature_gate import FeatureGate
from serving.models import CompactList, Recommendation, RecommendationList

pytestmark = pytest.mark.anyio
WARM, COLD, STRANGE = 7, 999, 8


async def get(world, path: str, **params: Any) -> dict[str, Any]:
    async with world.client() as client:
        response = await client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()


def ids(body: dict[str, Any]) -> list[int]:
    return [entry["item_id"] for entry in body["recommendations"]]


@pytest.mark.parametrize("user", [WARM, COLD, STRANGE])
@pytest.mark.parametrize("k", [1, 2, 20, 99, 100])
async def test_exactly_k_different_films_that_the_user_has_not_consumed(world, user: int, k: int) -> None:
    shown = ids(await get(world, f"/recommend/{user}", k=k))
    assert len(shown) == len(set(shown)) == k
    known = world.features.inner.read(user)
    assert not set(shown) & set(known.consumed.tolist() if known else [])


async def test_without_k_there_are_twenty(world) -> None:
    assert len(ids(await get(world, f"/recommend/{WARM}"))) == 20


@pytest.mark.parametrize("user", [WARM, COLD])
async def test_pages_of_one_list_are_that_list(build_world, make_host, user: int) -> None:
    """Exploration included: the second page knows what the first one explored."""
    world = build_world(make_host(exploration=0.6))
    for _ in range(10):
        first = await get(world, f"/recommend/{user}", k=7)
        same = {"page_of": first["request_id"]}
        second = await get(world, f"/recommend/{user}", k=7, offset=7, **same)
        assert ids(first) + ids(second) == ids(await get(world, f"/recommend/{user}", k=14, **same))
        assert second["request_id"] != first["request_id"]


async def test_the_impressions_of_a_page_have_its_positions(world) -> None:
    first = await get(world, f"/recommend/{WARM}", k=3)
    second = await get(world, f"/recommend/{WARM}", k=3, offset=3, page_of=first["request_id"])
    logged = world.shown()
    assert [one.position for one in logged] == [0, 1, 2, 3, 4, 5]
    assert [(one.request_id, one.item_id) for one in logged[3:]] == [(second["request_id"], item) for item in ids(second)]


async def test_a_page_behind_the_last_item_is_empty(world) -> None:
    world.remember(COLD, world.catalogue.ids.tolist()[:-3])
    first = await get(world, f"/recommend/{COLD}", k=2)
    last = await get(world, f"/recommend/{COLD}", k=2, offset=2, page_of=first["request_id"])
    behind = await get(world, f"/recommend/{COLD}", k=2, offset=4, page_of=first["request_id"])
    assert (len(ids(last)), ids(behind), behind["strategy"]) == (1, [], "nothing_eligible")
    assert len({*ids(first), *ids(last)}) == 3


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"offset": -1}, "offset"),
        ({"offset": 100}, "offset"),
        ({"offset": 10**30}, "offset"),
        ({"offset": "nan"}, "offset"),
        ({"offset": 20, "page_of": "A" * 32}, "page_of"),
        ({"offset": 20, "page_of": ""}, "page_of"),
    ],
)
async def test_a_page_that_there_cannot_be(world, params: dict[str, Any], field: str) -> None:
    async with world.client() as client:
        response = await client.get(f"/recommend/{WARM}", params=params)
    assert response.status_code == 422, response.text
    assert field in json.dumps(response.json())


async def test_fewer_than_k_only_when_the_catalogue_has_no_more(world) -> None:
    everything = world.catalogue.ids.tolist()
    world.remember(COLD, everything[:-3])
    assert sorted(ids(await get(world, f"/recommend/{COLD}", k=100))) == everything[-3:]
    world.remember(COLD, everything[-3:])
    assert ids(await get(world, f"/recommend/{COLD}", k=100)) == []


async def test_a_warm_user(world) -> None:
    body = await get(world, f"/recommend/{WARM}")
    assert (body["cold_start"], body["strategy"], body["model_version"]) == (False, "two_tower", "r1")
    RecommendationList.model_validate(body)
    assert set(body["recommendations"][0]) == set(Recommendation.model_fields)
    assert "trace" not in body
    assert all(entry["reasons"] == [] for entry in body["recommendations"])


@pytest.mark.parametrize("user", [COLD, STRANGE])
async def test_a_user_without_a_usable_history_is_cold(world, user: int) -> None:
    body = await get(world, f"/recommend/{user}")
    assert (body["cold_start"], body["strategy"]) == (True, "popular_fallback")
    popular = world.catalogue.ids[world.service.host.main.snapshot.stats.popular_rows(20)].tolist()
    assert ids(body) == popular


async def test_the_mirror_is_named_while_the_index_is_degraded(world) -> None:
    world.degraded[0] = True
    assert (await get(world, f"/recommend/{WARM}"))["strategy"] == "two_tower_mirror"
    assert (await get(world, f"/recommend/{COLD}"))["strategy"] == "popular_fallback"


async def test_a_warm_user_gets_popular_films_when_retrieval_is_dead(world, refuse) -> None:
    world.break_source("two_tower", lambda *_: refuse())
    body = await get(world, f"/recommend/{WARM}", trace=True)
    assert (body["cold_start"], body["strategy"]) == (False, "popular_fallback")
    assert len(body["recommendations"]) == 20
    failed = [stage["part"] for stage in body["trace"]["stages"] if stage["error"]]
    assert failed == ["two_tower"]


async def test_k_films_even_when_every_source_is_dead(world, refuse) -> None:
    for source in ("two_tower", "popular"):
        world.break_source(source, lambda *_: refuse())
    body = await get(world, f"/recommend/{WARM}", k=100)
    assert len(set(ids(body))) == 100
    assert not set(ids(body)) & {10, 20, 30, 40, 50}
    assert len(world.shown()) == 100


async def test_without_the_feature_store_the_list_is_popular(world, refuse) -> None:
    world.features.broken = refuse
    body = await get(world, f"/recommend/{WARM}", trace=True)
    assert (body["cold_start"], body["strategy"]) == (False, "popular_degraded")
    assert len(body["recommendations"]) == 20
    assert "feature" in body["trace"]["stages"][0]["stage"]
    assert "switched off" in body["trace"]["stages"][0]["error"]


async def test_without_the_feature_store_a_user_seen_before_gets_lists_from_what_was_known(world, refuse) -> None:
    before = await get(world, f"/recommend/{WARM}")
    world.features.broken = refuse
    body = await get(world, f"/recommend/{WARM}", trace=True)
    assert (body["cold_start"], body["strategy"]) == (False, "last_known")
    assert ids(body) == ids(before)
    assert "switched off" in body["trace"]["stages"][0]["error"]
    assert (await get(world, "/recommend/999"))["strategy"] == "popular_degraded"
    world.service.forget(WARM)
    assert (await get(world, f"/recommend/{WARM}"))["strategy"] == "popular_degraded"


async def test_who_was_erased_elsewhere_is_not_remembered_here(world, refuse) -> None:
    await get(world, f"/recommend/{WARM}")
    world.features.inner.erase(WARM)
    await get(world, f"/recommend/{WARM}")
    world.features.broken = refuse
    assert (await get(world, f"/recommend/{WARM}"))["strategy"] == "popular_degraded"


async def test_a_feature_store_that_hangs_costs_one_time_out_and_then_nothing(world) -> None:
    now = [0.0]
    world.features.broken = lambda: time.sleep(0.3)
    gate = FeatureGate(world.features, timeout=0.01, retry_after=10.0, threads=1, clock=lambda: now[0])
    world.service.features = gate
    answers = [await world.service.recommend(WARM, Page(5)) for _ in range(2)]
    assert [answer.strategy for answer in answers] == ["popular_degraded"] * 2
    errors = [answer.trace.stages[0].error for answer in answers]
    assert "no answer within 10 ms" in errors[0]
    assert "a moment ago" in errors[1]
    world.features.broken = None
    now[0] = 11.0
    world.service.features = FeatureGate(world.features, timeout=5.0, clock=lambda: now[0])
    assert (await world.service.recommend(WARM, Page(5))).strategy == "two_tower"
    gate.close()


async def test_a_list_is_served_while_the_log_is_down_and_its_impressions_are_stored_later(world, refuse) -> None:
    labels = {"stage": "side_effect", "part": "log_impressions"}
    before = REGISTRY.get_sample_value("marquee_stage_errors_total", labels) or 0.0
    world.service.impressions._retry_after = 0.01
    world.log.broken = refuse
    assert len(ids(await get(world, f"/recommend/{WARM}"))) == 20
    deadline = time.monotonic() + 10
    while (REGISTRY.get_sample_value("marquee_stage_errors_total", labels) or 0.0) <= before:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    world.log.broken = None
    assert len(world.shown()) == 20


async def test_a_full_writer_costs_the_impressions_and_not_the_list(world) -> None:
    world.service.impressions._capacity = 0
    body = await get(world, f"/recommend/{WARM}", trace=True)
    assert len(body["recommendations"]) == 20
    assert "records are waiting" in body["trace"]["stages"][-1]["error"]


async def test_an_impression_records_whether_its_position_explored(build_world, make_host) -> None:
    world = build_world(make_host(exploration=0.6))
    await get(world, f"/recommend/{WARM}", k=50)
    logged = world.shown()
    assert {one.explored for one in logged} == {True, False}
    assert all(one.propensity < 0.1 for one in logged[:40] if one.explored)
    assert all(one.propensity > 0.4 for one in logged if not one.explored)


async def test_impressions_are_the_list_with_propensities(world) -> None:
    body = await get(world, f"/recommend/{WARM}", k=7)
    logged = world.shown()
    assert [impression.item_id for impression in logged] == ids(body)
    assert [impression.position for impression in logged] == list(range(7))
    assert {(i.request_id, i.user_id, i.policy, i.arm, i.model_version) for i in logged} == {
        (body["request_id"], WARM, world.service.host.main.policy.id, "control", "r1")
    }
    assert all(0 < impression.propensity <= 1 for impression in logged)
    assert [impression.score for impression in logged] == pytest.approx([e["score"] for e in body["recommendations"]])


async def test_ids_is_the_same_list_in_the_compact_form(world) -> None:
    async with world.client() as client:
        full = (await client.get(f"/recommend/{WARM}")).json()
        compact = await client.get(f"/recommend/{WARM}", params={"format": "ids"})
    body = compact.json()
    assert body == {"cold_start": False, "recommendations": ids(full)}
    CompactList.model_validate(body)
    assert compact.headers["x-request-id"] in {one.request_id for one in world.shown()}


async def test_the_header_names_the_list(world) -> None:
    async with world.client() as client:
        response = await client.get(f"/recommend/{WARM}")
    assert response.headers["x-request-id"] == response.json()["request_id"]


async def test_explain_says_why(world) -> None:
    body = await get(world, f"/recommend/{WARM}", explain=True)
    reasons = [reason for entry in body["recommendations"] for reason in entry["reasons"]]
    assert {"history"} <= {reason["code"] for reason in reasons}
    assert {reason["item_id"] for reason in reasons if reason["code"] == "history"} <= {10, 20, 30, 40, 50}
    assert all(entry["found_by"] == ["two_tower"] or "popular" in entry["found_by"] for entry in body["recommendations"])
    RecommendationList.model_validate(body)


async def test_an_explored_film_says_so(build_world, make_host) -> None:
    world = build_world(make_host(exploration=0.9))
    body = await get(world, f"/recommend/{WARM}", k=50, explain=True)
    assert any(entry["reasons"][0]["code"] == "explored" for entry in body["recommendations"] if entry["reasons"])


async def test_trace_has_every_stage_in_order(world) -> None:
    trace = (await get(world, f"/recommend/{WARM}", trace=True))["trace"]
    assert [stage["stage"] for stage in trace["stages"]] == [
        "features", "filter", "filter", "source", "source", "scorer", "selector", "side_effect"
    ]  # fmt: skip
    assert trace["milliseconds"] >= max(stage["milliseconds"] for stage in trace["stages"])


async def test_a_rating_moves_the_next_list(world) -> None:
    before = ids(await get(world, f"/recommend/{WARM}"))
    world.remember(WARM, [before[-1]], value=5.0)
    after = ids(await get(world, f"/recommend/{WARM}"))
    assert before[-1] not in after
    assert after != before[:-1] + after[-1:]


async def test_what_the_host_took_over_is_in_the_next_list(build_world, make_host) -> None:
    """A title that changed and an item that was hidden, without a restart."""
    facts: list[ItemFacts] = []
    world = build_world(make_host(look=lambda: facts.pop() if facts else None))
    first = ids(await get(world, f"/recommend/{WARM}"))[0]
    second = ids(await get(world, f"/recommend/{WARM}"))[1]
    frame = world.catalogue.to_frame()
    facts.append(ItemFacts(frame.with_columns(hidden=pl.col("item_id") == first, title=pl.col("title") + " (new)")))
    world.service.host.look()
    shown = (await get(world, f"/recommend/{WARM}"))["recommendations"]
    assert first not in [entry["item_id"] for entry in shown]
    assert shown[0]["item_id"] == second
    assert all(entry["title"].endswith("(new)") for entry in shown)
    async with world.client() as client:
        item = (await client.get(f"/items/{first}")).json()
    assert (item["shown"], item["in_release"]) == (False, True)


async def test_the_arm_decides_the_release_before_the_list_is_made(build_world, make_host) -> None:
    arms = {"a": {"share": 0.5, "release": "r1"}, "b": {"share": 0.5, "release": "r2"}}
    host = make_host(make_snapshot("r1"), make_snapshot("r2", seed=2), **arms)
    world = build_world(host)
    bodies = [await get(world, f"/recommend/{user}") for user in range(1, 41)]
    assert {(body["arm"], body["model_version"]) for body in bodies} == {("a", "r1"), ("b", "r2")}
    assert all(body["arm"] == host.experiment.arm(body["user_id"]) for body in bodies)
    logged = world.shown()
    assert {(one.arm, one.model_version) for one in logged} == {("a", "r1"), ("b", "r2")}


@pytest.mark.parametrize("who", ["warm", "cold", "degraded"])
async def test_constraints_hold_for_every_item(world, refuse, who: str) -> None:
    if who == "degraded":
        world.features.broken = refuse
    asked = {"genre": ["drama", "Crime"], "year_min": 1985, "year_max": 1999, "exclude": [10, 70, 999_999], "k": 100}
    body = await get(world, f"/recommend/{COLD if who == 'cold' else WARM}", **asked)
    shown = body["recommendations"]
    assert 10 < len(shown) < 100, "fewer than asked, since no more meet the constraints"
    for entry in shown:
        assert {"Drama", "Crime"} & set(entry["genres"])
        assert 1985 <= entry["year"] <= 1999
        assert entry["item_id"] not in (10, 70)
    years, genres = world.catalogue.years, world.catalogue.genres[:, [1, 2]].any(axis=1)
    meets = (years >= 1985) & (years <= 1999) & genres & ~np.isin(world.catalogue.ids, [10, 70])
    if who == "warm":
        meets &= ~np.isin(world.catalogue.ids, [10, 20, 30, 40, 50])
    assert sorted(ids(body)) == world.catalogue.ids[meets].tolist()


async def test_excluded_items_make_room_for_the_next_ones(world) -> None:
    first = ids(await get(world, f"/recommend/{WARM}", k=30))
    assert ids(await get(world, f"/recommend/{WARM}", k=20, exclude=first[:10])) == first[10:]


@pytest.mark.parametrize("user", [WARM, COLD])
async def test_when_nothing_is_left_the_list_is_empty_and_says_so(world, user: int) -> None:
    body = await get(world, f"/recommend/{user}", genre="Western", trace=True)
    assert (body["recommendations"], body["strategy"]) == ([], "nothing_eligible")
    RecommendationList.model_validate(body)
    assert world.shown() == []


async def test_a_hundred_requests_at_once_do_not_mix_users(world) -> None:
    users = [WARM, COLD, STRANGE, 12] * 25
    async with world.client() as client:
        answers = await asyncio.gather(*(client.get(f"/recommend/{user}", params={"k": 5}) for user in users))
    assert [answer.json()["user_id"] for answer in answers] == users
    assert len({answer.json()["request_id"] for answer in answers}) == len(users)
