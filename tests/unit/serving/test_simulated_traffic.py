"""The simulator against the real routes: its users take films that the API served, and the API accepts what they do."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from app.usecases.simulating import ApiService
from core.events import INTERACTIONS
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.drivers import ServiceDriver
from evaluation.simulation.pacing import TokenBucket, drive
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import World, WorldConfig


def test_simulated_users_answer_served_lists(world: Any) -> None:
    films = World(world.catalogue.ids, world.catalogue.genres, WorldConfig())
    made, statistics = Simulation(films, Arrivals(50)), RunStatistics()

    async def run() -> None:
        async with world.client() as http:
            driver = ServiceDriver(ApiService(http), made, statistics)
            await drive(made, driver, TokenBucket(1e6, 100), statistics, lambda: statistics.visits < 30)

    asyncio.run(run())
    assert not statistics.refused
    assert statistics.quarantined == 0
    assert 0 < statistics.accepted == statistics.sent
    kept = [orjson.loads(record.value) for record in world.read_log(INTERACTIONS)]
    assert len(kept) == statistics.accepted
    assert all(event["request_id"] for event in kept)
