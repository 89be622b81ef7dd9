"""POST /recommend: the list of the GET, asked for with a body that may exclude ten thousand items."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from serving.models import Problem, RecommendationList

pytestmark = pytest.mark.anyio


async def post(world: Any, user: int = 7, **arguments: Any) -> httpx.Response:
    async with world.client() as client:
        return await client.post(f"/recommend/{user}", **arguments)


async def test_it_is_the_list_of_the_get(world: Any) -> None:
    async with world.client() as client:
        listed = (await client.get("/recommend/7", params={"k": 5, "genre": "Drama", "year_min": 1990})).json()
    asked = (await post(world, json={"k": 5, "genre": ["Drama"], "year_min": 1990})).json()
    RecommendationList.model_validate(asked)
    assert asked["recommendations"] == listed["recommendations"]
    assert (await post(world)).json()["recommendations"] == (await post(world, json={})).json()["recommendations"]


async def test_ten_thousand_items_are_excluded_known_or_not(world: Any) -> None:
    some = [10 * row for row in range(1, 291)]
    ids = [*some, *(f"SKU-{number}" for number in range(10_000 - len(some)))]
    body = (await post(world, json={"exclude": ids, "format": "ids", "k": 100})).json()
    assert sorted(body["recommendations"]) == [10 * row for row in range(291, 301)]


async def test_the_trace_names_what_left_nothing(world: Any) -> None:
    body = (await post(world, json={"genre": ["Western"], "trace": True})).json()
    assert (body["strategy"], body["recommendations"], body["trace"]["emptied_by"]) == ("nothing_eligible", [], "asked_genre")


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"exclude": list(range(1, 10_002))}, "exclude", "a list of at most 10000 ids"),
        ({"exclude": [{}]}, "exclude", "a list of at most 10000 ids"),
        ({"k": "5"}, "k", "an integer from 1 to 100"),
        ({"maturity_max": -1}, "maturity_max", "an age in years"),
        ({"gnre": ["Drama"]}, "gnre", "no such field; k, offset"),
        ({"genre": ["x"] * 21}, "genre", "a list of at most 20 names"),
        ([], "body", "a JSON object"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_wrong_body_is_named(world: Any, body: Any, field: str, allowed: str) -> None:
    answer = await post(world, json=body)
    assert answer.status_code == 422, answer.text
    (error,) = Problem.model_validate(answer.json()).errors or ()
    assert error.field == field
    assert error.allowed.startswith(allowed)


async def test_what_is_not_json_or_too_large_is_said_so(world: Any) -> None:
    assert (await post(world, content=b"{k: 5}")).status_code == 400
    assert (await post(world, json={"exclude": ["x" * 128] * 2000})).status_code == 413
