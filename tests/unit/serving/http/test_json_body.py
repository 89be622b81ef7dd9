"""A body that two parsers could read differently is refused, on every route that takes one."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http.json_body import key_twice_in
from serving.routes.all import ROUTERS

pytestmark = pytest.mark.anyio

EVENT = b'{"user_id": 7, "item_id": 3, "kind": "view"}'
ADMIN = {"X-Admin-Key": "secret"}
BODIES = {
    "POST /events": ("POST", "/events", EVENT),
    "POST /recommend": ("POST", "/recommend/7", b'{"k": 3}'),
    "PATCH /items": ("PATCH", "/items/10", b'{"hidden": true}'),
    "POST /users/{user_id}/onboarding": ("POST", "/users/999/onboarding", b'{"genres": ["Drama"]}'),
    "POST /admin/releases/{version}/promote": ("POST", "/admin/releases/2/promote", b'{"why": "a test"}'),
    "POST /admin/releases/rollback": ("POST", "/admin/releases/rollback", b'{"why": "a test"}'),
    "POST /rank": ("POST", "/rank", b'{"user_id": 7, "k": 3}'),
    "POST /session/recommend": ("POST", "/session/recommend", b'{"items": [10]}'),
    "POST /admin/retrain": ("POST", "/admin/retrain", b'{"reason": "a test"}'),
}


async def send(world, method: str, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    async with world.client() as client:
        answer = await client.request(method, path, content=body, headers=ADMIN | headers)
        return answer.status_code, answer.json()


def test_every_route_with_a_body_is_here() -> None:
    with_body = {
        route.path_format.replace("/{item_id}", "").replace("/recommend/{user_id}", "/recommend")  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        if "requestBody" in (route.openapi_extra or {})  # type: ignore[attr-defined]
    }
    assert with_body == {name.split(" ")[1] for name in BODIES}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", ""]
)
async def test_another_content_type_is_refused(world, name: str, kind: str) -> None:
    status, body = await send(world, *BODIES[name], **{"Content-Type": kind})
    assert (status, body["type"]) == (415, "urn:marquee:problem:unsupported-media-type")
    assert "application/json" in body["detail"]


@pytest.mark.parametrize("name", BODIES)
async def test_a_packed_body_is_refused_and_not_unpacked(world, name: str) -> None:
    method, path, _ = BODIES[name]
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    assert len(bomb) < 100_000
    before = time.process_time()
    status, body = await send(world, method, path, bomb, **{"Content-Encoding": "gzip"})
    assert (status, "gzip" in body["detail"]) == (415, True)
    assert time.process_time() - before < 1.0


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("kind", [None, "application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"])
async def test_json_is_taken_whatever_it_is_called(world, name: str, kind: str | None) -> None:
    status, _ = await send(
        world, *BODIES[name], **({} if kind is None else {"Content-Type": kind, "Content-Encoding": "identity"})
    )
    assert status not in (400, 415, 422)


@pytest.mark.parametrize("name", BODIES)
async def test_a_key_that_comes_twice_is_named(world, name: str) -> None:
    method, path, body = BODIES[name]
    key = next(iter(json.loads(body)))
    status, answer = await send(world, method, path, body[:-1] + b", " + json.dumps(key).encode() + b": 1}")
    assert status == 422, answer
    assert answer["errors"] == [{"field": key, "value": "sent twice", "allowed": "each key once in an object"}]


async def test_nothing_of_a_batch_with_a_key_twice_is_stored(world) -> None:
    status, _ = await send(
        world, "POST", "/events", b"[" + EVENT + b', {"user_id": 7, "user_id": 8, "item_id": 3, "kind": "view"}]'
    )
    assert status == 422
    assert world.read_log("marquee.interactions") == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)


@given(value=JSON, raw=st.binary(max_size=40))
def test_only_a_key_that_comes_twice_is_one(value: Any, raw: bytes) -> None:
    assert key_twice_in(json.dumps(value).encode()) is None
    assert key_twice_in(raw) is None
    assert key_twice_in(b'[1, {"a": {"\\u0078": 1, "b": 2, "x": ' + json.dumps(value).encode() + b"}}]") == "x"


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000, b"\xff", b""], ids=["deep", "nested", "long", "bytes", "none"]
)
def test_what_cannot_be_read_is_left_to_the_reader(body: bytes) -> None:
    assert key_twice_in(body) is None
