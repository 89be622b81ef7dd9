"""A list's request that is all right is answered without FastAPI's own look at it, and no answer shows which way it went."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import Request

from serving.routes import lists

pytestmark = pytest.mark.anyio
WARM = 7
RIGHT: list[list[tuple[str, str]]] = [
    [],
    [("k", "5")],
    [("k", "5"), ("format", "ids")],
    [("k", "3"), ("trace", "true"), ("explain", "0")],
    [("k", "3"), ("explain", "1")],
    [("genre", "Drama"), ("genre", "Comedy"), ("year_min", "1900"), ("year_max", "2100")],
    [("exclude", "3"), ("exclude", "no-such-item"), ("k", "4")],
    [("offset", "0"), ("page_of", "0" * 32)],
]
OTHERS: list[list[tuple[str, str]]] = [
    [("k", "0")],
    [("k", "5"), ("k", "6")],
    [("k", "")],
    [("gnre", "Drama")],
    [("format", "xml")],
    [("page_of", "x")],
    [("genre", "")],
    [("offset", "5")],
    [("exclude", " ")],
]


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request of a list took the short way."""
    taken: list[bool] = []
    real = lists.list_query_in

    def read(parameters: Any) -> Any:
        found = real(parameters)
        taken.append(True)
        return found

    monkeypatch.setattr(lists, "list_query_in", read)
    return taken


def the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(lists, "list_query_in", refuse)


def told(response: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """All that an answer says, without what is another one each time."""
    body = response.json()
    body.pop("request_id", None)
    if "trace" in body:
        body["trace"] = [(stage["stage"], stage["part"], stage["returned"]) for stage in body["trace"]["stages"]]
    headers = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "content-length")}
    return response.status_code, body, headers


@pytest.mark.parametrize("query", RIGHT, ids=str)
async def test_both_ways_say_the_same(world, ways, monkeypatch: pytest.MonkeyPatch, query: list[tuple[str, str]]) -> None:
    async with world.client() as client:
        short = await client.get(f"/recommend/{WARM}", params=query)
        assert ways == [True]
        the_long_way(monkeypatch)
        assert told(short) == told(await client.get(f"/recommend/{WARM}", params=query))


@pytest.mark.parametrize("query", OTHERS, ids=str)
async def test_what_may_be_wrong_is_fastapis(world, ways, monkeypatch: pytest.MonkeyPatch, query: list[tuple[str, str]]) -> None:
    async with world.client() as client:
        found = await client.get(f"/recommend/{WARM}", params=query)
        assert ways == [True] * (query == [("offset", "5")]), "which is wrong only together with what is missing"
        the_long_way(monkeypatch)
        assert told(found) == told(await client.get(f"/recommend/{WARM}", params=query))


@pytest.mark.parametrize("user", ["%20", "x" * 129, "a%00b"])
async def test_a_user_that_cannot_be_is_fastapis(world, ways: list[bool], user: str) -> None:
    async with world.client() as client:
        assert (await client.get(f"/recommend/{user}")).status_code == 422
    assert not ways


async def test_a_variant_that_is_asked_for_is_looked_at_by_fastapi(world, ways: list[bool]) -> None:
    async with world.client() as client:
        assert (await client.get(f"/recommend/{WARM}", headers={"X-Experiment-Variant": "a:b"})).status_code == 401
    assert not ways


def test_the_short_way_knows_every_parameter_of_the_route() -> None:
    route = next(one for one in lists.list_router.routes if one.path_format == "/recommend/{user_id}")  # type: ignore[attr-defined]
    waiting, names = [route.dependant], set()  # type: ignore[attr-defined]
    while waiting:
        one = waiting.pop()
        names |= {field.alias for field in one.query_params}
        waiting += one.dependencies
    assert names == set(lists.ListRequest.model_fields)


def test_a_request_that_is_not_for_it() -> None:
    scope = {"type": "http", "headers": [(b"x-experiment-variant", b"a:b")], "query_string": b"", "path_params": {"user_id": "1"}}
    assert lists.short_way(Request(scope)) is None
