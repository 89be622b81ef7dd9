"""Unlikely and hostile requests to every route that takes an id or parameters: a documented status, never an accident."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ids import MAX_LENGTH, parse_id
from serving.models import Problem

ADMIN = {"X-Admin-Key": "secret"}
Ask = Callable[..., httpx.Response]

# As it stands in the address: any text percent-encoded, and bytes that are no UTF-8, or percent signs that encode nothing.
ENCODED = st.text(max_size=MAX_LENGTH + 2).map(lambda text: quote(text.encode("utf-8", "replace"), safe="")) | st.sampled_from(
    [
        "%ff",
        "%c3%28",
        "%",
        "%zz",
        "%2525",
        "%2e%2e",
        "%2f",
        "a%2fhistory",
        "history",
        "7%20",
        "%207",
        "+7",
        "7.0",
        "-7",
        "1e3",
        "nan",
    ]
)
NUMBERS = st.integers(-(10**30), 10**30).map(str) | st.sampled_from(
    ["nan", "inf", "-0", "1e2", "0x10", " 5", "5 ", "", "٣", "1" * 5000]
)
NAMES = st.sampled_from(
    ["k", "offset", "page_of", "limit", "genre", "exclude", "year_min", "year_max", "explain", "format", "gnre"]
)
QUERY = st.lists(st.tuples(NAMES | st.text(max_size=5), NUMBERS | st.text(max_size=40)), max_size=5).map(
    lambda pairs: urlencode(pairs, errors="replace")
)
VALUES = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20) | st.lists(st.text(max_size=5))
)
FIELDS = st.sampled_from(["title", "genres", "year", "hidden", "item_id", ""]) | st.text(max_size=5)
BODY = (st.dictionaries(FIELDS, VALUES, max_size=4) | VALUES).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=40)


@pytest.fixture(scope="module")
def ask(build_world: Any) -> Iterator[Ask]:
    """Sends one request; whoever erases is remembered by the world, which nothing else changes."""
    world = build_world()
    with asyncio.Runner() as runner:

        async def send(method: str, address: str, **arguments: Any) -> httpx.Response:
            async with world.client() as client:
                return await client.request(method, address, **arguments)

        yield lambda *arguments, **named: runner.run(send(*arguments, **named))


def is_answered(response: httpx.Response, *good: int) -> None:
    """With one of the good statuses, or a problem that says what was wrong."""
    assert response.status_code in (*good, 400, 404, 405, 422), response.text
    if response.status_code >= 400:
        problem = Problem.model_validate(response.json())
        assert response.headers["content-type"] == "application/problem+json"
        assert len(response.content) < 20_000
        assert problem.detail


@settings(deadline=None, max_examples=150)
@given(user=ENCODED, query=QUERY)
def test_a_list_for_anybody(ask: Ask, user: str, query: str) -> None:
    is_answered(ask("GET", f"/recommend/{user}?{query}"), 200)
    is_answered(ask("GET", f"/users/{user}/history?{query}"), 200)
    is_answered(ask("GET", f"/items/{user}?{query}"), 200)


@settings(deadline=None, max_examples=150)
@given(item=ENCODED | st.just("10"), query=st.just("") | QUERY, body=BODY)
def test_a_change_of_anything(ask: Ask, item: str, query: str, body: bytes) -> None:
    is_answered(ask("PATCH", f"/items/{item}?{query}", content=body, headers=ADMIN), 200)


@settings(deadline=None, max_examples=150)
@given(user=ENCODED, query=st.just("") | QUERY)
def test_erasing_anybody(ask: Ask, user: str, query: str) -> None:
    is_answered(ask("DELETE", f"/users/{user}?{query}", headers=ADMIN), 200)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "user", ["00042", "42 ", "٣", "a/history", "a/b//c", "%2F", "?k=1", "#", "é", "e\u0301", "\u202eabc", "x" * 128]
)
async def test_an_id_means_itself_however_it_is_encoded(world, user: str) -> None:
    """No id is trimmed, normalised or decoded twice: two ids that look alike are two users."""
    every_byte = "".join(f"%{byte:02x}" for byte in user.encode())
    async with world.client() as client:
        for encoded in (quote(user, safe=""), every_byte, every_byte.upper()):
            assert (await client.get(f"/recommend/{encoded}?k=1")).json()["user_id"] == parse_id(user)
            assert (await client.get(f"/users/{encoded}/history")).json()["user_id"] == parse_id(user)
            assert (await client.delete(f"/users/{encoded}", headers=ADMIN)).json()["user_id"] == parse_id(user)
    assert world.erased == [user] * 3


@pytest.mark.anyio
@pytest.mark.parametrize("key", [b"", b"\xff", b"secret ", b"SECRET", b"secret\xc3\xa9", b"x" * 5000])
async def test_no_other_key_is_the_admin_key(world, key: bytes) -> None:
    """A key that HTTP itself trims is not other."""
    headers = [(b"X-Admin-Key", key)]
    async with world.client() as client:
        statuses = {
            (await client.delete("/users/00042", headers=headers)).status_code,
            (await client.patch("/items/10", content=b'{"hidden": true}', headers=headers)).status_code,
        }
    assert statuses == {403}
    assert world.erased == []


@pytest.mark.anyio
async def test_a_refused_change_never_reaches_the_lake(world) -> None:
    reached: list[Any] = []
    world.app.state.api = replace(world.app.state.api, change_item=lambda *change: reached.append(change))
    async with world.client() as client:
        for body in (
            b"",
            b"{}",
            b"[]",
            b'{"year": 100.5}',
            b'{"year": 1999, "year ": 2000}',
            b'{"hidden": "false"}',
            b'{"genres": [null]}',
        ):
            assert (await client.patch("/items/10", content=body, headers=ADMIN)).status_code in (400, 422)
        assert (await client.patch("/items/10?dry_run=true", content=b'{"hidden": true}', headers=ADMIN)).status_code == 422
        assert (await client.patch("/items/10", content=b" " * 200_001, headers=ADMIN)).status_code == 413
    assert reached == []
