"""Query parameters that a route does not have, and those that it has once, are refused on every route by one mechanism."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from serving import pages
from serving.models import Problem
from serving.routes.all import ROUTES

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}
LISTS = "explain, trace, format, k, offset, page_of, genre, exclude, year_min, year_max, maturity_max, language"
IDS = ["7", "00042", quote("SKU/é 1?&=#", safe=""), quote("用户", safe=""), "u" * 128]


async def ask(world: Any, method: str, path: str, **arguments: Any) -> httpx.Response:
    async with world.client() as client:
        return await client.request(method, path, **arguments)


def wrong(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    Problem.model_validate(body)
    assert body["type"] == "urn:marquee:problem:invalid-input"
    return list(body["errors"])


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_ignores_a_parameter_that_it_does_not_have(world, method: str, path: str) -> None:
    response = await ask(world, method, re.sub(r"\{\w+\}", "10", path) + "?gnre=x", headers=ADMIN)
    (error,) = wrong(response)
    assert (error["field"], error["value"]) == ("gnre", "x")
    assert error["allowed"].startswith("no such parameter; allowed: ")
    assert world.erased == []


@pytest.mark.parametrize("user", IDS, ids=lambda user: user[:12])
async def test_the_allowed_ones_are_listed(world, user: str) -> None:
    (error,) = wrong(await ask(world, "GET", f"/recommend/{user}?k=5&gnre=Drama"))
    assert error == {"field": "gnre", "value": "Drama", "allowed": f"no such parameter; allowed: {LISTS}"}
    (error,) = wrong(await ask(world, "GET", f"/users/{user}/history?K=5"))
    assert error["allowed"] == "no such parameter; allowed: limit"
    (error,) = wrong(await ask(world, "GET", "/version?v"))
    assert error == {"field": "v", "value": "", "allowed": "no such parameter; allowed: none"}


@pytest.mark.parametrize(
    "query", ["k=5&k=6", "k=5&k=5", "explain=true&explain=true", "year_min=1&year_min=2", "offset=0&offset=0"]
)
async def test_what_has_one_value_is_not_sent_twice(world, query: str) -> None:
    (error,) = wrong(await ask(world, "GET", f"/recommend/7?{query}"))
    assert error["field"] == query.split("=")[0]
    assert error["allowed"].startswith("once: ")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("k%00=1", "k\x00"),
        ("=1", ""),
        ("k%3D5=1", "k=5"),
        ("x" * 5000, "x" * 64),
        ("genre[]=Drama", "genre[]"),
        ("%F0%9F%8E%AC=1", "🎬"),
        ("%ff=1", "\ufffd"),
        ("__class__=1", "__class__"),
        ("user_id=8", "user_id"),
        ("x-admin-key=secret", "x-admin-key"),
    ],
    ids=lambda value: value[:12],
)
async def test_hostile_names_come_back_short_and_as_json(world, query: str, field: str) -> None:
    (error,) = wrong(await ask(world, "GET", f"/recommend/7?{query}"))
    assert error["field"] == field


async def test_many_unknown_names_are_counted(world) -> None:
    body = (await ask(world, "GET", "/recommend/7?" + "&".join(f"a{n}=1" for n in range(500)))).json()
    assert (len(body["errors"]), body["more_errors"]) == (20, 480)


async def test_every_parameter_that_there_is_works_and_lists_may_repeat(world) -> None:
    query = "k=5&offset=0&explain=true&trace=true&format=full&year_min=1980&year_max=2020&maturity_max=99"
    response = await ask(
        world,
        "GET",
        f"/recommend/7?{query}&page_of={'a' * 32}&genre=Drama&genre=Crime&exclude=10&exclude=SKU-1&language=en&language=de",
    )
    assert response.status_code == 200, response.text
    assert (await ask(world, "GET", "/recommend/7?")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/static/ui/app.js", "/static/ui/style.css"])
async def test_the_page_swagger_and_static_files_take_what_browsers_add(world, path: str) -> None:
    assert (await ask(world, "GET", f"{path}?v=2&utm_source=mail")).status_code == 200


@pytest.mark.skipif(pages.swagger_folder() is None, reason="fastapi-offline is not installed")
async def test_swaggers_own_files_too(world) -> None:
    assert (await ask(world, "GET", f"{pages.SWAGGER_URL}/{pages.SWAGGER_FILES[0]}?v=2")).status_code == 200
