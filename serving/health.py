"""Readiness: dependencies are probed in the background, so that a readiness request never waits for a slow service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.errors import MarqueeError
from core.ports import Monotonic
from core.telemetry import DEPENDENCY_UP


class Status(StrEnum):
    """`degraded` means that a fallback answers instead."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a probe; `detail` is for people."""

    status: Status
    detail: str = ""


@dataclass(frozen=True)
class HealthCheck:
    """One dependency. `probe` may block, and raises MarqueeError if it is down; if it is `needed`, nothing is served then."""

    name: str
    probe: Callable[[], Finding]
    needed: bool = False


@dataclass(frozen=True)
class Report:
    """All findings of one moment."""

    findings: dict[str, Finding]
    ready: bool

    @property
    def status(self) -> Status:
        if not self.ready:
            return Status.DOWN
        all_up = all(finding.status is Status.UP for finding in self.findings.values())
        return Status.UP if all_up else Status.DEGRADED

    def as_json(self) -> dict[str, Any]:
        checks = {name: {"status": found.status.value, "detail": found.detail} for name, found in self.findings.items()}
        return {"status": self.status.value, "checks": checks}


class Readiness:
    """Runs the checks every `interval` seconds and returns the latest report."""

    def __init__(
        self, checks: Sequence[HealthCheck], interval: float = 1.5, timeout: float = 1.0, clock: Monotonic = time.monotonic
    ) -> None:
        self._checks = checks
        self._interval = interval
        self._timeout = timeout
        self._clock = clock
        self._threads = ThreadPoolExecutor(max(1, len(checks)), thread_name_prefix="health")
        self._under_way: dict[str, Future[Finding]] = {}
        self._last: tuple[float, Report] | None = None
        self._refreshing = asyncio.Lock()

    async def report(self) -> Report:
        """The latest report, refreshed first if there is none or if the background task has stopped."""
        async with self._refreshing:
            if self._last is None or self._clock() - self._last[0] > 2 * self._interval + self._timeout:
                return await self._refresh()
            return self._last[1]

    async def watch(self) -> None:
        """Refresh until cancelled."""
        while True:
            async with self._refreshing:
                await self._refresh()
            await asyncio.sleep(self._interval)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _refresh(self) -> Report:
        found = await asyncio.gather(*(self._ask(check) for check in self._checks))
        findings = {check.name: finding for check, finding in zip(self._checks, found, strict=True)}
        ready = all(findings[check.name].status is not Status.DOWN for check in self._checks if check.needed)
        for name, finding in findings.items():
            DEPENDENCY_UP.labels(name).set(finding.status is not Status.DOWN)
        report = Report(findings, ready)
        self._last = (self._clock(), report)
        return report

    async def _ask(self, check: HealthCheck) -> Finding:
        """One probe under the time-out. A probe that still hangs from last time is not started again."""
        running = self._under_way.get(check.name)
        if running is None or running.done():
            running = self._under_way[check.name] = self._threads.submit(check.probe)
        waited = asyncio.wrap_future(running)
        waited.add_done_callback(_looked_at)
        try:
            return await asyncio.wait_for(asyncio.shield(waited), self._timeout)
        except TimeoutError:
            return Finding(Status.DOWN, f"no answer within {self._timeout:.1f} s")
        except MarqueeError as error:
            return Finding(Status.DOWN, error.detail)


def _looked_at(probed: asyncio.Future[Finding]) -> None:
    """A probe that fails once nobody waits for it any more was down in time: asyncio would log its error as one that got lost."""
    if not probed.cancelled():
        probed.exception()
