"""A slash of an id is not a slash of an address, and a path answers the methods that it has."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/users/42/history", "GET"),
        ("DELETE", "/users/42/onboarding", "POST"),
        ("POST", "/recommend/42/why/50", "GET"),
        ("OPTIONS", "/items/10", "GET, PATCH"),
        ("PUT", "/recommend/a%2Fb", "GET, POST"),
        ("GET", "/events", "POST"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_refused_with_those_that_it_has(
    world, method: str, path: str, allowed: str
) -> None:
    async with world.client() as client:
        answer = await client.request(method, path, headers=ADMIN)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["detail"] == f"{path} accepts {allowed}, not {method}"
    assert world.erased == []


@pytest.mark.parametrize("path", ["/recommend/a/b", "/users/a/b/history", "/items/a/b", "/users/", "/users//history", "/events/"])
async def test_a_slash_that_is_not_encoded_is_part_of_no_id(world, path: str) -> None:
    async with world.client() as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:marquee:problem:unknown-route")


@pytest.mark.parametrize("encoded", ["a%2Fb", "a%2fb", "%61%2F%62"])
async def test_an_encoded_slash_is_the_ids(world, encoded: str) -> None:
    async with world.client() as client:
        assert (await client.get(f"/recommend/{encoded}?k=1")).json()["user_id"] == "a/b"
        assert (await client.delete(f"/users/{encoded}", headers=ADMIN)).json()["user_id"] == "a/b"
    assert world.erased == ["a/b"]


@pytest.mark.parametrize("encoded", ["a%1Fb", "a%1f%2Fb", "a%00b", "..%2Fetc%2Fpasswd", "%2e%2e", "a%2F.%2Fb"])
async def test_an_id_that_cannot_be(world, encoded: str) -> None:
    async with world.client() as client:
        answer = await client.get(f"/recommend/{encoded}")
    assert answer.status_code in (404, 422), answer.text
    assert "/passwd" not in str(answer.url) or answer.json()["errors"][0]["field"] == "user_id"
