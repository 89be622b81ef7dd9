"""`POST /users/{id}/onboarding`: the next list is made from it, and wrong answers are named together with what is known."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from synthetic import GENRES, make_catalogue, make_snapshot

from core.answers import AGE_BANDS
from core.item_facts import ItemFacts
from serving.models import Onboarded, Problem, RecommendationList

pytestmark = pytest.mark.anyio
COLD = 999


async def tell(world: Any, user: object, status: int, **answers: Any) -> dict[str, Any]:
    async with world.client() as client:
        response = await client.post(f"/users/{user}/onboarding", json=answers)
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    return body


async def listed(world: Any, user: object) -> dict[str, Any]:
    async with world.client() as client:
        body: dict[str, Any] = (await client.get(f"/recommend/{user}", params={"explain": True})).json()
    RecommendationList.model_validate(body)
    return body


async def test_the_first_list_is_made_from_the_answers(world) -> None:
    before = await listed(world, COLD)
    body = await tell(world, COLD, 200, items=[10, "20", 10], genres=["cOMEDY "], age_band="25-34")
    Onboarded.model_validate(body)
    assert (body["items"], body["genres"], body["age_band"]) == ([10, 20], ["Comedy"], "25-34")
    after = await listed(world, COLD)
    assert (before["strategy"], after["strategy"]) == ("popular_fallback", "onboarding")
    shown = {entry["item_id"] for entry in after["recommendations"]}
    assert not shown & {10, 20}
    assert any(reason["code"] == "told" for entry in after["recommendations"] for reason in entry["reasons"])
    async with world.client() as client:
        assert (await client.get(f"/users/{COLD}/history")).json()["events"] == [], "answers are no events"


@pytest.mark.parametrize(
    ("answers", "field", "words"),
    [
        ({"items": [None]}, "items", "the id of an item in the catalogue"),
        ({"items": 10}, "items", "an array of at most 50"),
        ({"genres": ["Comedy"] * 51}, "genres", "an array of at most 50"),
        ({"genres": [["Comedy"]]}, "genres", "one of"),
        ({"age_band": "25"}, "age_band", ", ".join(AGE_BANDS)),
        ({"age_band": ["25-34"]}, "age_band", ", ".join(AGE_BANDS)),
        ({"colour": "red"}, "colour", "no such field"),
        ({"items": []}, "body", "at least one answer"),
        ({}, "body", "one or more of"),
    ],
)
async def test_wrong_answers_are_named_with_what_is_known(world, answers: dict[str, Any], field: str, words: str) -> None:
    problem = await tell(world, COLD, 422, **answers)
    Problem.model_validate(problem)
    assert problem["errors"][0]["field"] == field
    assert words in problem["errors"][0]["allowed"]
    assert world.features.inner.read(COLD) is None


@pytest.mark.parametrize(
    ("answers", "field", "words"),
    [
        ({"genres": ["Western"]}, "genres", ", ".join(GENRES)),
        ({"people": ["Nobody"]}, "people", "none: this catalogue knows no people"),
        ({"items": [10, 999_999]}, "items", "the id of an item in the catalogue"),
    ],
)
async def test_what_is_not_there_is_not_found_with_what_is(world, answers: dict[str, Any], field: str, words: str) -> None:
    problem = await tell(world, COLD, 404, **answers)
    Problem.model_validate(problem)
    assert [one["field"] for one in problem["errors"]] == [field]
    assert words in problem["errors"][0]["allowed"]
    both = await tell(world, COLD, 422, **answers, age_band="25")
    assert {one["field"] for one in both["errors"]} == {field, "age_band"}
    assert world.features.inner.read(COLD) is None


async def test_a_body_that_is_no_json(world) -> None:
    async with world.client() as client:
        assert (await client.post(f"/users/{COLD}/onboarding", content=b"{")).status_code == 400


async def test_a_shop_without_genres_and_with_string_ids(build_world, make_host) -> None:
    bare = make_catalogue().to_frame().with_columns(title=pl.lit(""), genres=pl.lit([], dtype=pl.List(pl.String)), year=None)
    facts = ItemFacts(bare, {f"SKU/{key}": key for key in bare["item_id"].to_list()})
    world = build_world(make_host(make_snapshot(facts=facts)))
    body = await tell(world, "anna@example.com", 200, items=["SKU/10", "SKU/20"])
    assert (body["user_id"], body["items"]) == ("anna@example.com", ["SKU/10", "SKU/20"])
    after = await listed(world, "anna@example.com")
    assert after["strategy"] == "onboarding"
    texts = {reason["text"] for entry in after["recommendations"] for reason in entry["reasons"]}
    assert texts & {"Because you told us that you like SKU/10", "Because you told us that you like SKU/20"}


async def test_a_dead_store_stores_nothing_and_says_so(world, refuse) -> None:
    world.features.broken = refuse
    problem = await tell(world, COLD, 503, items=[10])
    assert problem["type"] == "urn:marquee:problem:dependency-unavailable"
