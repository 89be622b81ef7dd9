"""Drivers: send visits to a service that recommends and accepts events, or directly to the event log."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import orjson

from core import columns as c
from core.events import INTERACTIONS
from core.ids import ExternalId
from core.ports import Clock, EventLog, Record
from evaluation.simulation.arrivals import Visit
from evaluation.simulation.pacing import TokenBucket
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.simulation import EventBody, Simulation

_LOG_BATCH = 500
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class ServedList:
    """The items of a list, best first, and the id with which an event can refer to it."""

    item_ids: Sequence[ExternalId]
    request_id: str | None


@dataclass(frozen=True)
class Acknowledgement:
    """How many events were accepted, and how many were quarantined."""

    accepted: int
    quarantined: int


class Refused(Exception):
    """A request to the service failed. `answered` tells whether the service refused it or could not be reached."""

    def __init__(self, reason: str, answered: bool) -> None:
        super().__init__(reason)
        self.reason, self.answered = reason, answered


class Service(Protocol):
    """A recommendation service. Both methods raise Refused."""

    async def ask(self, user_id: int) -> ServedList:
        """The user's list."""

    async def tell(self, event: EventBody) -> Acknowledgement:
        """Sends an event of the user."""


class ServiceDriver:
    """Fetches the visitor's list from a service and sends the visitor's event on it."""

    def __init__(self, service: Service, simulation: Simulation, statistics: RunStatistics, clock: Clock = time.time) -> None:
        self._service, self._simulation, self._statistics, self._clock = service, simulation, statistics, clock

    async def __call__(self, visit: Visit) -> None:
        served = await self._timed(self._service.ask(visit.user))
        if served is None:
            return
        self._statistics.lists += 1
        rows = self._simulation.rows_of(served.item_ids)
        event = self._simulation.event(visit, rows, served.request_id, self._clock())
        if event is None:
            return
        self._statistics.sent += 1
        receipt = await self._timed(self._service.tell(event))
        if receipt is not None:
            self._statistics.accepted += receipt.accepted
            self._statistics.quarantined += receipt.quarantined

    async def _timed(self, request: Awaitable[_Answer]) -> _Answer | None:
        """The response, or None after counting the reason for the failure. Latencies include those of refusals."""
        start = time.perf_counter()
        try:
            answer = await request
        except Refused as refusal:
            self._statistics.refused[refusal.reason] += 1
            if refusal.answered:
                self._statistics.took(time.perf_counter() - start)
            return None
        self._statistics.took(time.perf_counter() - start)
        return answer


def fill_log(
    simulation: Simulation,
    log: EventLog,
    bucket: TokenBucket,
    statistics: RunStatistics,
    going: Callable[[], bool],
    clock: Clock = time.time,
) -> None:
    """Append the visitors' events without a recommender directly to the log. Raises DependencyUnavailable."""
    start = time.perf_counter()
    while going():
        batch: list[Record] = []
        while going() and len(batch) < _LOG_BATCH:
            visit = simulation.arrivals.visit(statistics.visits)
            statistics.visits += 1
            statistics.cold += visit.cold
            statistics.lists += 1
            if (event := simulation.browse(visit, clock())) is not None:
                statistics.sent += 1
                batch.append(Record(str(event[c.USER]), event[c.EVENT_ID], orjson.dumps(event)))
        if not batch:
            break
        time.sleep(bucket.wait(len(batch)))
        began = time.perf_counter()
        statistics.accepted += log.append(INTERACTIONS, batch)
        statistics.took(time.perf_counter() - began)
    statistics.seconds = time.perf_counter() - start
