"""Where visits go: to a service that recommends and takes events, or straight into the event log."""

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
from evaluation.simulation.simulation import Event, Simulation

_LOG_BATCH = 500
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class ServedList:
    """The items of a list, best first, and the id by which an event can refer to it."""

    item_ids: Sequence[ExternalId]
    request_id: str | None


@dataclass(frozen=True)
class Receipt:
    """How many events were taken, and how many were put aside as unusable."""

    accepted: int
    quarantined: int


class Refused(Exception):
    """The service did not do what it was asked. `answered` tells whether it said so itself, or could not be reached."""

    def __init__(self, reason: str, answered: bool) -> None:
        super().__init__(reason)
        self.reason, self.answered = reason, answered


class Service(Protocol):
    """What recommends. Both methods raise Refused."""

    async def ask(self, user_id: int) -> ServedList:
        """The user's list."""

    async def tell(self, event: Event) -> Receipt:
        """Hand in what the user did."""


class ServiceDriver:
    """Fetches the visitor's list from a service and hands in what the visitor takes from it."""

    def __init__(self, service: Service, simulation: Simulation, statistics: RunStatistics, clock: Clock = time.time) -> None:
        self._service, self._simulation, self._tally, self._clock = service, simulation, statistics, clock

    async def __call__(self, visit: Visit) -> None:
        served = await self._timed(self._service.ask(visit.user))
        if served is None:
            return
        self._tally.lists += 1
        rows = self._simulation.rows_of(served.item_ids)
        event = self._simulation.event(visit, rows, served.request_id, self._clock())
        if event is None:
            return
        self._tally.sent += 1
        receipt = await self._timed(self._service.tell(event))
        if receipt is not None:
            self._tally.accepted += receipt.accepted
            self._tally.quarantined += receipt.quarantined

    async def _timed(self, request: Awaitable[_Answer]) -> _Answer | None:
        """The answer, or None after counting why there is none; an answer's latency counts, also a refusal's."""
        start = time.perf_counter()
        try:
            answer = await request
        except Refused as refusal:
            self._tally.refused[refusal.reason] += 1
            if refusal.answered:
                self._tally.took(time.perf_counter() - start)
            return None
        self._tally.took(time.perf_counter() - start)
        return answer


def fill_log(
    simulation: Simulation,
    log: EventLog,
    bucket: TokenBucket,
    statistics: RunStatistics,
    going: Callable[[], bool],
    clock: Clock = time.time,
) -> None:
    """Append what visitors take where nobody recommends, straight to the log. Raises DependencyUnavailable."""
    start = time.perf_counter()
    while going():
        batch: list[Record] = []
        while going() and len(batch) < _LOG_BATCH:
            visit = simulation.arrivals.visit(statistics.visits)
            statistics.visits, statistics.cold, statistics.lists = (
                statistics.visits + 1,
                statistics.cold + visit.cold,
                statistics.lists + 1,
            )
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
