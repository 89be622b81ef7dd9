"""Under too many requests some are refused soon, and the others are answered in order."""

from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import REGISTRY

from serving.lists.turns import Overloaded, Turns

pytestmark = pytest.mark.anyio


def refused() -> float:
    return REGISTRY.get_sample_value("marquee_lists_refused_total") or 0.0


async def test_turns_come_in_the_order_of_the_requests_and_never_too_many_at_once() -> None:
    turns, now, most, order = Turns(2, patience=60.0), [0], [0], []

    async def make(number: int) -> None:
        async with turns.one():
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(0.001)
            order.append(number)
            now[0] -= 1

    await asyncio.gather(*(make(number) for number in range(20)))
    assert most == [2]
    assert order == sorted(order)


async def test_whoever_would_wait_too_long_is_refused_and_counted_and_holds_nobody_up() -> None:
    turns, before, held = Turns(1, patience=0.05), refused(), asyncio.Event()

    async def hold() -> None:
        async with turns.one():
            await held.wait()

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0)
    start = time.monotonic()
    for _ in range(2):
        with pytest.raises(Overloaded, match=r"within 0\.05 s"):
            async with turns.one():
                raise AssertionError("somebody else has the turn")
    assert 0.1 <= time.monotonic() - start < 5
    assert refused() == before + 2
    held.set()
    await holding
    async with turns.one():
        pass


async def test_whoever_would_wait_too_long_is_refused_at_once() -> None:
    """Eight lists a second, one at a time, and a patience of one second: eight may wait, and no ninth begins to."""
    now = [0.0]
    turns, refusals, made = Turns(1, patience=1.0, clock=lambda: now[0]), [], []

    async def make(number: int) -> None:
        try:
            async with turns.one():
                await asyncio.sleep(0)
                now[0] += 0.125
                made.append(number)
        except Overloaded as error:
            refusals.append((number, str(error)))

    await asyncio.gather(*(make(number) for number in range(8)))  # it learns
    assert (len(made), refusals) == (8, [])
    await asyncio.gather(*(make(number) for number in range(100, 140)))
    assert made[8:] == list(range(100, 109))
    assert [number for number, _ in refusals] == list(range(109, 140))
    assert refusals[0][1].startswith("a list would begin in 1.1 s")
    assert turns.expected == 0.0
    await make(200)
    assert made[-1] == 200


async def test_a_list_that_fails_gives_its_turn_back() -> None:
    turns = Turns(1, patience=0.05)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.one():
                raise ZeroDivisionError


async def test_the_api_answers_503_with_the_time_to_come_back(world) -> None:
    world.service._turns = Turns(1, patience=0.02)
    reading = asyncio.Event()

    async def wait(*_: object) -> None:
        await reading.wait()

    known, world.service.known = world.service.known, wait
    async with world.client() as client:
        first = asyncio.create_task(client.get("/recommend/7"))
        await asyncio.sleep(0.01)
        second = await client.get("/recommend/8")
        reading.set()
        assert (await first).status_code == 200
        world.service.known = known
        assert (await client.get("/recommend/8")).status_code == 200
    assert (second.status_code, second.json()["type"], second.headers["retry-after"]) == (
        503,
        "urn:marquee:problem:overloaded",
        "2",
    )
