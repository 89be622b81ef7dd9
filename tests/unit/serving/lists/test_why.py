"""`GET /recommend/{user}/why/{item}`: the same request as the list, one item followed through it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from synthetic import make_catalogue, make_snapshot

from core.events import LISTS
from core.item_facts import ItemFacts
from serving.models import Problem, WhyItem

pytestmark = pytest.mark.anyio
WARM = 7


async def ask(world: Any, path: str, status: int = 200, **query: Any) -> dict[str, Any]:
    async with world.client() as client:
        response = await client.get(path, params=query)
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_an_item_of_the_list_is_shown_in_its_place_with_its_reasons(world) -> None:
    listed = await ask(world, f"/recommend/{WARM}", k=5, explain=True, year_min=1990)
    for position, entry in enumerate(listed["recommendations"]):
        body = await ask(world, f"/recommend/{WARM}/why/{entry['item_id']}", k=5, year_min=1990)
        WhyItem.model_validate(body)
        assert (body["shown"], body["stage"], body["position"]) == (True, "shown", position)
        assert body["reasons"] == entry["reasons"]
        assert [one["part"] for one in body["sources"] if one["found"]] == entry["found_by"]
        assert (body["policy"], body["model_version"]) == (listed["policy"], listed["model_version"])


async def test_an_explored_list_is_asked_about_by_its_request_id(build_world, make_host) -> None:
    world = build_world(make_host(exploration=0.9))
    listed = await ask(world, f"/recommend/{WARM}", k=10)
    for position, entry in enumerate(listed["recommendations"]):
        body = await ask(world, f"/recommend/{WARM}/why/{entry['item_id']}", k=10, page_of=listed["request_id"])
        assert body["position"] == position


async def test_what_is_left_out_names_the_stage(world) -> None:
    assert (await ask(world, f"/recommend/{WARM}/why/10"))["part"] == "seen"
    body = await ask(world, f"/recommend/{WARM}/why/60", exclude=60)
    assert (body["shown"], body["stage"], body["part"], body["reasons"]) == (False, "filter", "asked_exclude", [])
    shown = (await ask(world, f"/recommend/{WARM}", k=30))["recommendations"][29]
    body = await ask(world, f"/recommend/{WARM}/why/{shown['item_id']}", k=20)
    assert (body["shown"], body["stage"], body["rank"]) == (False, "page", 30)
    assert body["reasons"], "what would speak for it"


async def test_an_unknown_item_and_wrong_parameters_are_typed(world) -> None:
    problem = await ask(world, f"/recommend/{WARM}/why/999999", 404)
    Problem.model_validate(problem)
    assert problem["type"] == "urn:marquee:problem:not-found"
    assert (await ask(world, f"/recommend/{WARM}/why/10", 422, k=101))["errors"][0]["field"] == "k"


async def test_nothing_is_logged(world) -> None:
    await ask(world, f"/recommend/{WARM}/why/60")
    assert world.shown() == []
    assert world.read_log(LISTS) == []


async def test_a_dead_feature_store_is_said_and_not_guessed_around(world, refuse) -> None:
    world.features.broken = refuse
    assert (await ask(world, f"/recommend/{WARM}/why/60", 503))["type"] == "urn:marquee:problem:dependency-unavailable"


async def test_ids_may_be_strings_with_slashes(build_world, make_host) -> None:
    bare = make_catalogue().to_frame().with_columns(title=pl.lit(""), genres=pl.lit([], dtype=pl.List(pl.String)), year=None)
    facts = ItemFacts(bare, {f"SKU/{key}": key for key in bare["item_id"].to_list()})
    world = build_world(make_host(make_snapshot(facts=facts)))
    path = f"/recommend/{quote('anna/ö', safe='')}/why/{quote('SKU/60', safe='')}"
    body = await ask(world, path)
    WhyItem.model_validate(body)
    assert (body["user_id"], body["item_id"], body["title"]) == ("anna/ö", "SKU/60", "")
