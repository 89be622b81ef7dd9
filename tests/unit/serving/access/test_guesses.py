"""Keys cannot be guessed at will, and who guesses locks out nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_access import access_in

from core.telemetry import WRONG_KEYS
from serving.access.callers import Scope
from serving.access.guesses import PER_MINUTE, Guesses
from serving.access.refusals import TooManyRequests

pytestmark = pytest.mark.anyio


async def ask(world: Any, address: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(world.app, client=(address, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get("/recommend/7", headers=headers)


@pytest.mark.parametrize("header", ["X-Api-Key", "X-Admin-Key"])
async def test_beyond_the_limit_a_right_guess_is_answered_like_a_wrong_one(
    build_world: Callable[..., Any], tmp_path: Path, header: str
) -> None:
    access = access_in(tmp_path, "secret")
    right = {"X-Api-Key": access.keys.create("reader", [Scope.READ]), "X-Admin-Key": "secret"}[header]
    world, limited = build_world(access=access), WRONG_KEYS.labels("limited")._value.get()
    wrong = [await ask(world, "10.0.0.1", **{header: f"guess {number}"}) for number in range(PER_MINUTE + 1)]
    assert {answer.status_code for answer in wrong[:-1]} <= {401, 403}
    assert wrong[-1].status_code == 429
    assert 1 <= int(wrong[-1].headers["Retry-After"]) <= 60
    assert (await ask(world, "10.0.0.1", **{header: right})).status_code == 429
    assert WRONG_KEYS.labels("limited")._value.get() == limited + 2
    assert (await ask(world, "10.0.0.2", **{header: right})).status_code == 200
    assert (await ask(world, "10.0.0.1")).status_code == 200  # who sends no key guesses none


async def test_a_key_that_the_address_has_used_goes_on_to_work(build_world: Callable[..., Any], tmp_path: Path) -> None:
    access = access_in(tmp_path, "secret")
    key = access.keys.create("reader", [Scope.READ])
    world = build_world(access=access)
    assert (await ask(world, "10.0.0.1", **{"X-Api-Key": key})).status_code == 200
    for number in range(PER_MINUTE + 5):
        last = await ask(world, "10.0.0.1", **{"X-Api-Key": f"guess {number}"})
    assert last.status_code == 429
    assert (await ask(world, "10.0.0.1", **{"X-Api-Key": key})).status_code == 200
    access.keys.revoke("reader")
    assert (await ask(world, "10.0.0.1", **{"X-Api-Key": key})).status_code == 401  # it is looked at, and is nobody's any more


def test_the_limit_is_for_a_minute() -> None:
    now = [100.0]
    guesses = Guesses(2, lambda: now[0])
    for _ in range(2):
        guesses.check("a", "x")
        guesses.was_wrong("a")
        now[0] += 20.0
    with pytest.raises(TooManyRequests) as refusal:
        guesses.check("a", "x")
    assert refusal.value.headers["Retry-After"] == "20"
    guesses.check(None, "x")
    now[0] += 61.0
    guesses.check("a", "x")
