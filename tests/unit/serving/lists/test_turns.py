"""Under too many requests some are refused soon, and the others are answered in order."""

from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import REGISTRY

from serving.http.middleware import UNMATCHED
from serving.lists.feature_gate import Stored
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


class Machine:
    """Makes eight lists a second, one at a time, on a clock of its own."""

    def __init__(self) -> None:
        self.now, self.made, self.refused = 0.0, [], []
        self.turns = Turns(1, patience=1.0, clock=lambda: self.now)

    async def make(self, number: int) -> None:
        try:
            async with self.turns.one():
                await asyncio.sleep(0)
                self.now += 0.125
                self.made.append(number)
        except Overloaded as error:
            self.refused.append((number, str(error)))

    async def burst(self, numbers: range) -> None:
        await asyncio.gather(*(self.make(number) for number in numbers))


async def test_of_a_burst_as_many_wait_as_can_be_served_in_time() -> None:
    machine = Machine()
    await machine.burst(range(8))  # it learns
    assert (len(machine.made), machine.refused) == (8, [])
    await machine.burst(range(100, 140))
    assert machine.made[8:] == list(range(100, 109))  # one at once, and eight within a second
    assert [number for number, _ in machine.refused] == list(range(109, 140))
    assert machine.refused[0][1].startswith("a list would take 1.12 s")
    assert machine.turns.refusal is None
    await machine.make(200)
    assert machine.made[-1] == 200


async def test_a_queue_that_does_not_become_empty_is_kept_short() -> None:
    """As many come as are served, behind a queue of eight: everybody would wait a second for nothing."""
    machine = Machine()
    await machine.burst(range(8))
    waiting = [asyncio.create_task(machine.make(number)) for number in range(100, 109)]
    for number in range(200, 240):
        made = len(machine.made)
        while len(machine.made) == made:
            await asyncio.sleep(0)
        waiting.append(asyncio.create_task(machine.make(number)))
    await asyncio.gather(*waiting)
    assert machine.refused[0][0] >= 207  # after a second of it
    assert len(machine.refused) >= 6  # until all but two are gone, who take a quarter of a second
    assert machine.made[-1] == 239
    assert machine.turns.refusal is None


async def test_whoever_would_have_a_turn_at_once_is_never_refused() -> None:
    """However long a list takes, and however long others have been here."""
    now = [0.0]
    turns = Turns(2, patience=1.0, clock=lambda: now[0])
    for _ in range(20):
        async with turns.one():
            async with turns.one():
                now[0] += 5.0
            assert turns.refusal is None
            now[0] += 5.0
    async with turns.one(), turns.one():
        assert turns.refusal is not None


async def test_a_list_that_fails_gives_its_turn_back() -> None:
    turns = Turns(1, patience=0.05)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.one():
                raise ZeroDivisionError


async def test_the_api_answers_503_with_the_time_to_come_back(world) -> None:
    world.service._turns = Turns(1, patience=0.02)
    reading = asyncio.Event()

    async def wait(_: int) -> Stored:
        await reading.wait()
        return Stored(None, None)

    ask, world.service.features.ask = world.service.features.ask, wait
    async with world.client() as client:
        first = asyncio.create_task(client.get("/recommend/7"))
        await asyncio.sleep(0.01)
        second = await client.get("/recommend/8")
        reading.set()
        assert (await first).status_code == 200
        world.service.features.ask = ask
        assert (await client.get("/recommend/8")).status_code == 200
    assert (second.status_code, second.json()["type"], second.headers["retry-after"]) == (
        503,
        "urn:marquee:problem:overloaded",
        "2",
    )


async def test_under_load_a_request_is_refused_before_it_is_routed(world) -> None:
    world.service._turns = Turns(1, patience=1e-9)
    world.service._turns._between = 1.0  # seconds for a list
    before, routed = refused(), REGISTRY.get_sample_value("marquee_requests_total", {"route": UNMATCHED, "status": "404"}) or 0.0
    async with world.client() as client, world.service._turns.one():
        answers = [await client.get(path) for path in ("/recommend/7", "/recommend/7/why/10", "/recommend/a/b/c")]
        assert (await client.get("/items/10")).status_code == 200
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:marquee:problem:overloaded")
        assert (answer.headers["retry-after"], answer.headers["x-request-id"]) == ("2", answer.json()["request_id"])
    assert refused() == before + 3
    assert (REGISTRY.get_sample_value("marquee_requests_total", {"route": UNMATCHED, "status": "404"}) or 0.0) == routed
