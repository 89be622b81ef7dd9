"""`POST /rank` and `POST /session/recommend`: lists from what the request brings along."""

from __future__ import annotations

from typing import Any

import pytest

from serving.films import models

pytestmark = pytest.mark.anyio
WARM = 7
SEEN = {10, 20, 30, 40, 50}


async def post(world: Any, path: str, body: Any, status: int = 200) -> dict[str, Any]:
    async with world.client() as client:
        response = await client.post(path, json=body)
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    return found


def ids(body: dict[str, Any], name: str = "items") -> list[Any]:
    return [one["item_id"] for one in body[name]]


async def test_a_users_cards_are_a_list_that_is_logged(world) -> None:
    body = await post(world, "/rank", {"user_id": WARM, "k": 25})
    models.Ranked.model_validate(body)
    assert len(ids(body)) == 25
    assert not SEEN & set(ids(body))
    assert any(one["reasons"] for one in body["items"])
    assert {one.request_id for one in world.shown()} == {body["request_id"]}


async def test_candidates_are_ordered_and_nothing_else_is_shown(world) -> None:
    asked = [100, 200, 300, 10, 999_999, "nobody"]
    body = await post(world, "/rank", {"user_id": WARM, "candidates": asked, "explain": False})
    assert set(ids(body)) == {100, 200, 300}
    assert body["left_out"] == [10, 999_999, "nobody"]
    everything = ids(await post(world, "/rank", {"user_id": WARM, "k": 100, "explain": False}))
    order = [one for one in everything if one in {100, 200, 300}]
    assert [one for one in ids(body) if one in order] == order, "in the order of the whole list"


@pytest.mark.parametrize("name", ["item_id", "movie_id"])
async def test_cards_like_an_item(world, name: str) -> None:
    body = await post(world, "/rank", {name: 10, "k": 25})
    models.Ranked.model_validate(body)
    async with world.client() as client:
        similar = (await client.get("/items/10/similar", params={"k": 25})).json()
    assert ids(body) == ids(similar)
    assert body["request_id"] is None
    assert body["strategy"] == "similar"
    some = await post(world, "/rank", {name: 10, "candidates": [60, 70]})
    assert set(ids(some)) == {60, 70}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"user_id": 7, "item_id": 10}, "body"),
        ({"user_id": None}, "user_id"),
        ({"user_id": 7, "k": 0}, "k"),
        ({"user_id": 7, "candidates": [[1]]}, "candidates"),
        ({"user_id": 7, "candidates": list(range(1, 1002))}, "candidates"),
        ({"user_id": 7, "colour": 1}, "colour"),
        ([], "body"),
    ],
)
async def test_a_wrong_body_is_refused(world, body: Any, field: str) -> None:
    found = await post(world, "/rank", body, 422)
    assert [one["field"] for one in found["errors"]] == [field]


async def test_a_visit_without_an_id_gets_what_the_same_user_would(world) -> None:
    body = await post(world, "/session/recommend", {"items": sorted(SEEN), "k": 20})
    models.SessionList.model_validate(body)
    assert not SEEN & set(ids(body, "recommendations"))
    assert body["strategy"] == "two_tower"
    assert body["ignored"] == []
    async with world.client() as client:
        known = (await client.get(f"/recommend/{WARM}")).json()
    assert ids(body, "recommendations") == ids(known, "recommendations")
    assert {one.user_id for one in world.shown()} == {body["user_id"], WARM}


async def test_a_visit_may_say_what_was_done(world) -> None:
    items = [{"item_id": 60, "kind": "rating", "value": 4.5}, {"item_id": 70, "kind": "view"}, {"item_id": 80}, "unknown"]
    body = await post(world, "/session/recommend", {"items": items, "k": 100})
    shown = set(ids(body, "recommendations"))
    assert not shown & {60, 80}
    assert body["ignored"] == ["unknown"]
    assert (await post(world, "/session/recommend", {"items": []}))["cold_start"]


@pytest.mark.parametrize(
    "items",
    [
        None,
        [None],
        [{"item_id": 60, "kind": "adores"}],
        [{"item_id": 60, "kind": "rating"}],
        [{"item_id": 60, "kind": "rating", "value": 6}],
        [{"item_id": 60, "value": 3}],
        [{"item_id": 60, "colour": "red"}],
        [1] * 201,
    ],
)
async def test_a_wrong_visit_is_refused(world, items: Any) -> None:
    found = await post(world, "/session/recommend", {"items": items}, 422)
    assert [one["field"] for one in found["errors"]] == ["items"]
    assert "kind and value" in found["errors"][0]["allowed"]
