"""Visits come at the set rate, and no more of them at a time than is allowed."""

import asyncio

import pytest

from evaluation.simulation.arrivals import Arrivals, Visit
from evaluation.simulation.pacing import TokenBucket, drive
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import WorldConfig, made_up


def test_the_bucket_lets_the_rate_through() -> None:
    now = 0.0
    bucket = TokenBucket(10.0, burst=1.0, clock=lambda: now)
    for _ in range(101):
        now += bucket.wait()
    assert now == pytest.approx(10.0)


def test_every_visit_happens_once_in_order_and_few_at_a_time() -> None:
    simulation, statistics = Simulation(made_up(10, WorldConfig()), Arrivals(100)), RunStatistics()
    seen: list[int] = []
    inside = highest = 0

    async def visitor(visit: Visit) -> None:
        nonlocal inside, highest
        seen.append(visit.number)
        inside += 1
        highest = max(highest, inside)
        await asyncio.sleep(0.001)
        inside -= 1

    asyncio.run(drive(simulation, visitor, TokenBucket(1e6, 100), statistics, lambda: statistics.visits < 40, max_concurrent=3))
    assert seen == list(range(40))
    assert (statistics.visits, highest) == (40, 3)
    assert statistics.cold == sum(simulation.arrivals.visit(number).cold for number in range(40))
    assert statistics.seconds > 0
