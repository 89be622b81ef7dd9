"""`marquee simulate` over HTTP: what the API is asked and told, what it refuses, and the command."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.usecases.simulating import ApiService, visit_api
from core.errors import DependencyUnavailable, InvalidInput
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.choice import ChoiceModel
from evaluation.simulation.drivers import Acknowledgement, Refused, ServedList
from evaluation.simulation.pacing import TokenBucket
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.simulation import EventBody, Simulation
from evaluation.simulation.world import WorldConfig, made_up

SIMULATION = Simulation(made_up(50, WorldConfig()), Arrivals(100), ChoiceModel(nothing=-50.0))  # nobody leaves without a film


async def with_api(answer: httpx.MockTransport, event: EventBody) -> tuple[ServedList, Acknowledgement]:
    async with httpx.AsyncClient(transport=answer, base_url="http://api") as http:
        service = ApiService(http)
        return await service.ask(7), await service.tell(event)


def test_the_api_serves_a_list_and_accepts_an_event() -> None:
    posted: list[EventBody] = []

    def api(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            assert (request.url.path, dict(request.url.params)) == ("/recommend/7", {"format": "ids", "k": "20"})
            return httpx.Response(200, json={"recommendations": [5, 9, 4711]}, headers={"X-Request-Id": "list-1"})
        posted.append(json.loads(request.content))
        return httpx.Response(202, json={"accepted": 2, "quarantined": ["why"]})

    event = SIMULATION.event(SIMULATION.arrivals.visit(1), range(20), "list-1", 1_700_000_000.0)
    assert event is not None
    served, receipt = asyncio.run(with_api(httpx.MockTransport(api), event))
    assert (served, receipt) == (ServedList([5, 9, 4711], "list-1"), Acknowledgement(2, 1))
    assert posted == [event]


def test_a_refusal_has_the_status_or_the_name_of_the_error() -> None:
    with pytest.raises(Refused) as status:
        asyncio.run(with_api(httpx.MockTransport(lambda _: httpx.Response(503)), {}))
    assert (status.value.reason, status.value.answered) == ("503", True)

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    with pytest.raises(Refused) as error:
        asyncio.run(with_api(httpx.MockTransport(broken), {}))
    assert (error.value.reason, error.value.answered) == ("ReadTimeout", False)


def test_an_unreachable_api_is_reported_before_the_first_visit() -> None:
    statistics = RunStatistics()
    with pytest.raises(DependencyUnavailable, match="nothing-here"):
        asyncio.run(visit_api(SIMULATION, "http://127.0.0.1:9/nothing-here", TokenBucket(10, 1), statistics, lambda: True))
    assert statistics.visits == 0


def test_a_dry_run_sends_nothing_and_bad_input_says_what_is_allowed() -> None:
    planned = CliRunner().invoke(app, ["simulate", "--items", "30", "--dry-run"])
    assert planned.exit_code == 0
    wrong = CliRunner().invoke(app, ["simulate", "--items", "30", "--to", "moon"])
    assert isinstance(wrong.exception, InvalidInput)
    assert CliRunner().invoke(app, ["simulate", "--users", "0"]).exit_code == 2
