"""`marquee simulate`: at the set rate, from the lists that were served, and counted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.usecases.simulating import ApiDriver, Simulation, Tally, TokenBucket, drive, fill_log, write_world
from core.errors import InvalidInput
from core.events import INTERACTIONS, Interaction
from datasets.tables import read_tables
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.world import WorldConfig, made_up
from streaming.adapters.embedded import EmbeddedEventLog


def simulation(seed: int = 1) -> Simulation:
    return Simulation(made_up(50, WorldConfig(seed=seed)), Arrivals(100, seed))


def test_the_bucket_lets_the_rate_through() -> None:
    now = 0.0
    bucket = TokenBucket(10.0, burst=1.0, clock=lambda: now)
    for _ in range(101):
        now += bucket.wait()
    assert now == pytest.approx(10.0)


def test_visitors_choose_from_what_the_api_served() -> None:
    posted: list[Interaction] = []

    def api(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"recommendations": [5, 9, 4711]}, headers={"X-Request-Id": "list-1"})
        posted.append(Interaction.model_validate(json.loads(request.content)))
        return httpx.Response(202, json={"accepted": 1, "quarantined": []})

    async def run() -> Tally:
        tally = Tally()
        async with httpx.AsyncClient(transport=httpx.MockTransport(api), base_url="http://api") as http:
            made = simulation()
            await drive(made, ApiDriver(http, made, tally), TokenBucket(1e6, 100), tally, lambda: tally.visits < 60)
        return tally

    tally = asyncio.run(run())
    assert tally.visits == tally.lists == 60
    assert 0 < tally.accepted == tally.sent == len(posted) < 60
    assert {event.item_id for event in posted} == {5, 9}
    assert {event.request_id for event in posted} == {"list-1"}


def test_refusals_are_counted_by_status() -> None:
    async def run() -> Tally:
        tally, made = Tally(), simulation()
        transport = httpx.MockTransport(lambda request: httpx.Response(503))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
            await drive(made, ApiDriver(http, made, tally), TokenBucket(1e6, 100), tally, lambda: tally.visits < 7)
        return tally

    assert asyncio.run(run()).refused == {"503": 7}


def test_the_log_gets_events_that_keep_the_contract(tmp_path: Path) -> None:
    log, tally = EmbeddedEventLog(tmp_path / "log.db"), Tally()
    fill_log(simulation(), log, TokenBucket(1e6, 1e6), tally, lambda: tally.sent < 40)
    events = [Interaction.model_validate_json(record.value) for record in log.read(INTERACTIONS)]
    log.close()
    assert len(events) == tally.accepted == 40


def test_a_written_world_can_be_imported(tmp_path: Path) -> None:
    interactions, items = write_world(simulation(), tmp_path, 80, lambda done: None)
    dataset = read_tables(interactions, items, {}, 0.0)
    assert (len(dataset.interactions), len(dataset.items)) == (80, 50)


def test_a_dry_run_sends_nothing_and_bad_input_says_what_is_allowed() -> None:
    planned = CliRunner().invoke(app, ["simulate", "--items", "30", "--dry-run"])
    assert planned.exit_code == 0
    wrong = CliRunner().invoke(app, ["simulate", "--items", "30", "--to", "moon"])
    assert isinstance(wrong.exception, InvalidInput)
    assert CliRunner().invoke(app, ["simulate", "--users", "0"]).exit_code == 2
