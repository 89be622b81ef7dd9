"""The list service beside HTTP: how many lists are made at once, and the thread that keeps the host up to date."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from core.errors import DependencyUnavailable
from recommender.roles import Page
from serving.lists.service import RecommendService, following

pytestmark = pytest.mark.anyio


async def test_at_most_so_many_lists_are_made_at_once(world) -> None:
    """The others wait in a queue and are answered all the same."""
    inside, most = [0], [0]
    log, gate = world.log, world.service.features
    service = RecommendService(world.service.host, gate, log, concurrency=3, patience=60.0)
    original = service._read

    async def counted(*arguments: Any, **named: Any) -> Any:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        try:
            return await original(*arguments, **named)
        finally:
            inside[0] -= 1

    service._read = counted  # type: ignore[method-assign]
    made = await asyncio.gather(*(service.recommend(user, Page(5)) for user in range(1, 31)))
    assert most[0] == 3
    assert [one.query.user_id for one in made] == list(range(1, 31))
    service.impressions.close()


async def test_a_list_reports_its_time_from_the_request_on(world) -> None:
    made = await world.service.recommend(7, Page(5))
    assert made.seconds >= sum(stage.milliseconds for stage in made.trace.stages) / 1e3


@pytest.mark.parametrize("error", [DependencyUnavailable("registry", "away"), ValueError("a bug")], ids=["away", "bug"])
def test_the_follower_looks_again_whatever_a_look_meets(error: Exception) -> None:
    looks, enough = [0], threading.Event()

    class Host:
        def look(self) -> None:
            looks[0] += 1
            if looks[0] >= 3:
                enough.set()
            raise error

    host: Any = Host()
    follower, stop = following(host, 0.001)
    follower.start()
    assert enough.wait(60)
    stop()
    assert looks[0] >= 3
