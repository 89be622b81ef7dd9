"""Every error is a problem detail that names what was wrong and what is allowed; no stack trace leaves the process."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.errors import BundleCorrupt, DatasetError, InvalidInput, NotFound, SchemaMismatch, StorageFull
from core.ids import ALLOWED
from core.ids import MAX_INTEGER as MAX_INTEGER
from serving.http.problems import of_error, plain
from serving.models import Problem

pytestmark = pytest.mark.anyio


async def ask(world, method: str, path: str, **arguments: Any) -> httpx.Response:
    async with world.client() as client:
        return await client.request(method, path, **arguments)


def check(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    Problem.model_validate(body)
    assert body["type"] == f"urn:marquee:problem:{slug}"
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    return body


@pytest.mark.parametrize("k", ["0", "-1", "101", "1e9", "abc", "", "2.5", "nan", "99999999999999999999"])
async def test_a_bad_k_is_named_with_its_range(world, k: str) -> None:
    body = check(await ask(world, "GET", f"/recommend/7?k={k}"), 422, "invalid-input")
    assert body["errors"] == [{"field": "k", "value": k, "allowed": "an integer from 1 to 100"}]


@pytest.mark.parametrize("user", ["%00", "%07", "x" * 129, "9" * 300])
@pytest.mark.parametrize("path", ["/recommend/{}", "/users/{}/history", "/items/{}"])
async def test_an_invalid_id_is_refused(world, path: str, user: str) -> None:
    body = check(await ask(world, "GET", path.format(user)), 422, "invalid-input")
    assert body["errors"][0]["allowed"] == ALLOWED
    assert len(body["errors"][0]["value"]) < 140


async def test_the_largest_id_is_a_stranger(world) -> None:
    assert (await ask(world, "GET", f"/recommend/{MAX_INTEGER}")).json()["cold_start"] is True


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("year_min", ["0"]),
        ("year_min", ["10000"]),
        ("year_max", ["-1"]),
        ("year_max", ["soon"]),
        ("exclude", [""]),
        ("exclude", ["10", "x" * 129]),
        ("exclude", [str(n) for n in range(1, 1002)]),
        ("genre", [f"g{n}" for n in range(21)]),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_bad_constraint_is_named(world, name: str, values: list[str]) -> None:
    body = check(await ask(world, "GET", "/recommend/7", params={name: values}), 422, "invalid-input")
    assert body["errors"][0]["field"].startswith(name)
    assert body["errors"][0]["allowed"]


@pytest.mark.parametrize(("name", "value"), [("explain", "perhaps"), ("trace", "2"), ("format", "xml")])
async def test_a_bad_option(world, name: str, value: str) -> None:
    body = check(await ask(world, "GET", "/recommend/7", params={name: value}), 422, "invalid-input")
    assert (body["errors"][0]["field"], body["errors"][0]["value"]) == (name, value)


@pytest.mark.parametrize("path", ["/nope", "/recommendations", "/static/ui/../app.py", "/static/ui/none.js"])
async def test_an_unknown_route(world, path: str) -> None:
    check(await ask(world, "GET", path), 404, "unknown-route")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/events"), ("PUT", "/recommend/7"), ("DELETE", "/items/10")])
async def test_a_method_that_the_route_does_not_take(world, method: str, path: str) -> None:
    response = await ask(world, method, path)
    check(response, 405, "method-not-allowed")
    assert response.headers["allow"]


async def test_a_film_that_does_not_exist(world) -> None:
    assert check(await ask(world, "GET", "/items/11"), 404, "not-found")["item_id"] == 11


class Chunks:
    """A body of a megabyte in a thousand chunks, of which `sent` were asked for."""

    sent = 0

    async def sent_one_by_one(self) -> AsyncIterator[bytes]:
        for _ in range(1000):
            self.sent += 1
            yield b"x" * 1000


async def test_a_body_that_declares_too_many_bytes_is_refused_unread(world) -> None:
    body = Chunks()
    response = await ask(world, "POST", "/events", content=body.sent_one_by_one(), headers={"Content-Length": "1000000"})
    assert check(response, 413, "body-too-large")["limit"] == 200_000
    assert body.sent == 0
    assert response.headers["connection"] == "close"


async def test_a_chunked_body_is_cut_where_it_becomes_too_large(world) -> None:
    body = Chunks()
    check(await ask(world, "POST", "/events", content=body.sent_one_by_one()), 413, "body-too-large")
    assert body.sent <= 202


async def test_a_body_of_the_limit_is_read(world) -> None:
    check(await ask(world, "POST", "/events", content=b" " * 200_000), 400, "malformed-json")


async def test_a_bug_is_a_500_with_details_in_the_log_and_not_in_the_answer(world, caplog) -> None:
    def bug(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    world.break_source("two_tower", bug)
    with caplog.at_level(logging.ERROR, logger="serving.http.middleware"):
        response = await ask(world, "GET", "/recommend/7")
    body = check(response, 500, "internal")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert body["request_id"] in caplog.text
    assert "secret detail" in caplog.text


async def test_the_history_of_a_dead_store_is_a_503(world, refuse) -> None:
    world.features.broken = refuse
    response = await ask(world, "GET", "/users/7/history")
    check(response, 503, "dependency-unavailable")
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("k", 0, "1 to 100"),
        DatasetError("bad"),
        NotFound("gone", item_id=3),
        SchemaMismatch("r1", ["candidate feature mood"]),
        BundleCorrupt("torn"),
        StorageFull("event log", "disk full"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_every_typed_error_keeps_its_status_and_words(error) -> None:
    response = of_error(error, "id-1")
    assert response.status_code == error.status
    assert Problem.model_validate_json(response.body).detail == error.detail
    assert ("retry-after" in response.headers) == (error.status == 503)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (2**60, str(2**60)),
        (b"x", "b'x'"),
        ("\ud800", "?"),
        ("a" * 200, "a" * 100 + "… (200 characters)"),
        ({"a": 1}, "{'a': 1}"),
        (False, False),
    ],
)
async def test_a_wrong_value_is_repeated_in_a_form_that_is_json(value: Any, shown: Any) -> None:
    assert plain(value) == shown


ADMIN = {"X-Admin-Key": "secret"}


async def test_erasing_needs_the_admin_key(world) -> None:
    response = await ask(world, "DELETE", "/users/7")
    check(response, 401, "unauthorized")
    assert response.headers["www-authenticate"]
    check(await ask(world, "DELETE", "/users/7", headers={"X-Admin-Key": "wrong é".encode()}), 403, "forbidden")
    assert world.erased == []
    assert (await ask(world, "DELETE", "/users/7", headers=ADMIN)).json()["user_id"] == 7
    assert world.erased == [7]


async def test_without_a_configured_key_admin_routes_are_off(build_world) -> None:
    body = check(await ask(build_world(admin_key=None), "DELETE", "/users/7", headers=ADMIN), 403, "forbidden")
    assert "MARQUEE_ADMIN_KEY" in body["detail"]
