"""Readiness: per dependency, never waiting for a slow one, and honest about what is served without it."""

from __future__ import annotations

import asyncio
import gc
import threading
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import REGISTRY
from synthetic import make_snapshot

from core.background import Background, Phase
from core.errors import DependencyUnavailable
from lake.adapters.memory import MemoryLake
from retrieval.adapters.mirror import MirrorIndex
from serving import probes
from serving.health import Finding, HealthCheck, Readiness, Status

pytestmark = pytest.mark.anyio


def well() -> Finding:
    return Finding(Status.UP, "fine")


def dead() -> Finding:
    raise DependencyUnavailable("x", "gone")


async def test_everything_is_up(world) -> None:
    async with world.client() as client:
        response = await client.get("/health/ready")
        assert (await client.get("/health/live")).json() == {"status": "up"}
    assert (response.status_code, response.json()["status"]) == (200, "up")
    assert response.json()["checks"]["release"] == {"status": "up", "detail": "r1"}


async def test_lists_are_served_without_the_log_and_it_says_so(world, refuse) -> None:
    world.log.broken = refuse
    async with world.client() as client:
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    check = response.json()["checks"]["event_log"]
    assert check["status"] == "down"
    assert "switched off" in check["detail"]
    assert REGISTRY.get_sample_value("marquee_dependency_up", {"dependency": "event_log"}) == 0
    assert REGISTRY.get_sample_value("marquee_dependency_up", {"dependency": "release"}) == 1


async def test_without_what_is_needed_it_is_not_ready(world) -> None:
    world.app.state.api.readiness._checks = [HealthCheck("release", dead, needed=True)]
    async with world.client() as client:
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "down")


async def test_a_probe_that_fails_after_its_time_out_is_no_lost_error() -> None:
    release, lost = threading.Event(), []

    def hang_and_die() -> Finding:
        release.wait()
        return dead()

    asyncio.get_running_loop().set_exception_handler(lambda _, said: lost.append(said["message"]))
    readiness = Readiness([HealthCheck("slow", hang_and_die)], timeout=0.02)
    assert (await readiness.report()).findings["slow"].status is Status.DOWN
    probe = readiness._under_way["slow"]
    release.set()
    while not probe.done():
        await asyncio.sleep(0.001)
    await asyncio.sleep(0)  # the loop hears of it
    await asyncio.sleep(0)
    del probe
    readiness.close()
    readiness._under_way.clear()
    gc.collect()
    assert lost == []


async def test_a_probe_that_hangs_is_down_and_is_not_started_twice() -> None:
    release, started = threading.Event(), []

    def hang() -> Finding:
        started.append(1)
        release.wait()
        return well()

    now = [0.0]
    readiness = Readiness([HealthCheck("slow", hang), HealthCheck("quick", well)], timeout=0.02, clock=lambda: now[0])
    try:
        for _ in range(3):
            report = await readiness.report()
            assert report.findings["slow"] == Finding(Status.DOWN, "no answer within 0.0 s")
            assert report.findings["quick"].status is Status.UP
            now[0] += 100.0
        assert len(started) == 1
    finally:
        release.set()
        readiness.close()


async def test_a_report_is_kept_for_a_while() -> None:
    asked, now = [], [0.0]
    readiness = Readiness([HealthCheck("a", lambda: asked.append(1) or well())], interval=1.0, timeout=1.0, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 2.9, 3.1):
        await readiness.report()
    assert len(asked) == 2


async def test_the_background_task_asks_by_itself() -> None:
    asked = asyncio.Queue[int]()
    loop = asyncio.get_running_loop()

    def probe() -> Finding:
        loop.call_soon_threadsafe(asked.put_nowait, 1)
        return well()

    readiness = Readiness([HealthCheck("a", probe)], interval=0.0)
    task = asyncio.create_task(readiness.watch())
    for _ in range(3):
        await asyncio.wait_for(asked.get(), 10)
    task.cancel()
    readiness.close()


async def test_the_index_is_degraded_while_the_mirror_answers(make_host) -> None:
    index, degraded = MirrorIndex(), [False]
    now = replace(make_snapshot("r1"), index=index, search_degraded=lambda: degraded[0])
    check = probes.vector_index(make_host(now))
    assert check.probe().status is Status.DOWN
    assert "marquee index publish" in check.probe().detail
    index.publish("r1", np.array([1]), np.ones((1, 2), np.float32))
    assert check.probe().status is Status.UP
    degraded[0] = True
    assert check.probe().status is Status.DEGRADED


async def test_a_lake_without_interactions_is_down() -> None:
    finding = probes.lake(MemoryLake()).probe()
    assert finding.status is Status.DOWN
    assert "marquee data load" in finding.detail


async def test_background_threads_are_reported() -> None:
    over, now, bugs = threading.Event(), [0.0], [1]

    def work() -> None:
        if bugs:
            raise ZeroDivisionError(bugs.pop())
        over.wait()

    failing = Background("failing", work, min_pause=0.0, max_pause=0.0, clock=lambda: now[0])
    fine = Background("fine", over.wait)
    check = probes.background([failing, fine])
    assert check.probe() == Finding(Status.DOWN, "failing: stopped; fine: stopped")
    fine.start()
    failing.start()
    while not failing.state.error or failing.state.phase is not Phase.RUNNING:
        await asyncio.sleep(0.002)
    now[0] = 59.0
    assert check.probe() == Finding(Status.DEGRADED, "failing: running after ZeroDivisionError: 1, 59 s ago")
    now[0] = 60.0
    assert check.probe() == Finding(Status.UP, "2 threads run")
    over.set()
    fine.stop()
    failing.stop()
    assert check.probe().status is Status.DOWN
