"""The edge of the simulator: visits of a made-up world, sent to the API or straight into the event log, at a set rate."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import polars as pl

from core import columns as c
from core.errors import DependencyUnavailable
from core.events import INTERACTIONS
from core.ports import Clock, EventLog, Monotonic, Record
from evaluation.simulation.arrivals import Arrivals, Visit
from evaluation.simulation.choice import ChoiceModel, browsed, stars
from evaluation.simulation.world import World

LIST = 20  # films of a list
_SAMPLES = 10_000  # latencies kept: the latest ones, so that a run of days costs no more than one of seconds
_EPOCH = 1_700_000_000.0  # Unix seconds at which a written world begins
_DAY = 86_400.0
_LOG_BATCH = 500

Event = dict[str, Any]


@dataclass
class Tally:
    """What became of a run."""

    visits: int = 0
    lists: int = 0  # visits that were shown something
    cold: int = 0  # first visits of new users
    sent: int = 0  # events
    accepted: int = 0
    quarantined: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by status, or the name of what went wrong
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # seconds of the latest requests

    def took(self, seconds: float) -> None:
        if len(self.latencies) < _SAMPLES:
            self.latencies.append(seconds)
        else:
            self.latencies[self.visits % _SAMPLES] = seconds

    def percentile(self, q: float) -> float:
        """Seconds, NaN before the first request."""
        return float(np.percentile(self.latencies, q)) if self.latencies else float("nan")


@dataclass(frozen=True)
class Simulation:
    """A world, who visits it, and how lists are answered."""

    world: World
    arrivals: Arrivals
    choices: ChoiceModel = field(default_factory=ChoiceModel)

    def event(self, visit: Visit, rows: Sequence[int], request_id: str | None, now: float) -> Event | None:
        """What the visitor does with a list of the world's rows (-1: not of this world), or None: nothing."""
        shown = np.asarray(rows, dtype=np.intp)
        at = self.choices.choose(self.world, visit, shown)
        if at is None:
            return None
        row = int(shown[at])
        event = {
            c.EVENT_ID: f"sim-{self.world.config.seed}-{visit.number}-{int(now * 1e3):x}",
            c.USER: visit.user,
            c.ITEM: int(self.world.item_ids[row]),
            c.KIND: "rating",
            c.VALUE: stars(self.world, visit.user, visit.day, row),
            c.TS: now,
        }
        return event | ({c.REQUEST_ID: request_id} if request_id else {})

    def browse(self, visit: Visit, now: float) -> Event | None:
        """What the visitor does where nobody recommends."""
        return self.event(visit, browsed(self.world, visit, LIST).tolist(), None, now)


class TokenBucket:
    """Lets `rate` a second through, and after a pause at most `burst` at once."""

    def __init__(self, rate: float, burst: float, clock: Monotonic = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._last = burst, clock()

    def wait(self, wanted: float = 1.0) -> float:
        """Take `wanted` tokens; seconds to wait until they are there."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate) - wanted
        self._last = now
        return max(0.0, -self._tokens / self._rate)


class ApiDriver:
    """Fetches the visitor's list from the API and posts what the visitor takes from it."""

    def __init__(self, http: httpx.AsyncClient, simulation: Simulation, tally: Tally, clock: Clock = time.time) -> None:
        self._http, self._simulation, self._tally, self._clock = http, simulation, tally, clock

    async def __call__(self, visit: Visit) -> None:
        answer = await self._asked("GET", f"/recommend/{visit.user}?format=ids&k={LIST}")
        if answer is None:
            return
        self._tally.lists += 1
        item_ids = np.asarray(answer.json()["recommendations"], dtype=np.int64)
        known = self._simulation.world.item_ids
        at = np.searchsorted(known, item_ids).clip(max=len(known) - 1)
        rows = np.where(known[at] == item_ids, at, -1).tolist()
        event = self._simulation.event(visit, rows, answer.headers.get("X-Request-Id"), self._clock())
        if event is not None:
            self._tally.sent += 1
            receipt = await self._asked("POST", "/events", content=orjson.dumps(event))
            if receipt is not None:
                self._tally.accepted += receipt.json()["accepted"]
                self._tally.quarantined += len(receipt.json()["quarantined"])

    async def _asked(self, method: str, path: str, **arguments: Any) -> httpx.Response | None:
        """The answer, or None after counting why there is none."""
        start = time.perf_counter()
        try:
            response = await self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            self._tally.refused[type(error).__name__] += 1
            return None
        self._tally.took(time.perf_counter() - start)
        if response.status_code >= 300:
            self._tally.refused[str(response.status_code)] += 1
            return None
        return response


async def drive(
    simulation: Simulation,
    visitor: Callable[[Visit], Awaitable[None]],
    bucket: TokenBucket,
    tally: Tally,
    going: Callable[[], bool],
    at_once: int = 64,
) -> None:
    """Let visits happen at the bucket's rate while `going()`, `at_once` of them at a time at most."""
    room = asyncio.Semaphore(at_once)

    async def one(visit: Visit) -> None:
        try:
            await visitor(visit)
        finally:
            room.release()

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while going():
            if (pause := bucket.wait()) > 0:
                await asyncio.sleep(pause)
            await room.acquire()
            visit = simulation.arrivals.visit(tally.visits)
            tally.visits += 1
            tally.cold += visit.cold
            group.create_task(one(visit))
    tally.seconds = time.perf_counter() - start


async def visit_api(
    simulation: Simulation, url: str, bucket: TokenBucket, tally: Tally, going: Callable[[], bool], at_once: int = 64
) -> None:
    """`drive` against the API at `url`. Raises DependencyUnavailable when nothing answers there."""
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(base_url=url, timeout=10.0, limits=limits) as http:
        try:
            await http.get("/health/live")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DependencyUnavailable("api", f"{url}: {error}", "start it with `marquee up`, or name it with --url") from error
        await drive(simulation, ApiDriver(http, simulation, tally), bucket, tally, going, at_once)


def fill_log(
    simulation: Simulation, log: EventLog, bucket: TokenBucket, tally: Tally, going: Callable[[], bool], clock: Clock = time.time
) -> None:
    """Append what visitors take where nobody recommends, straight to the log. Raises DependencyUnavailable."""
    start = time.perf_counter()
    while going():
        batch: list[Record] = []
        while going() and len(batch) < _LOG_BATCH:
            visit = simulation.arrivals.visit(tally.visits)
            tally.visits, tally.cold, tally.lists = tally.visits + 1, tally.cold + visit.cold, tally.lists + 1
            if (event := simulation.browse(visit, clock())) is not None:
                tally.sent += 1
                batch.append(Record(str(event[c.USER]), event[c.EVENT_ID], orjson.dumps(event)))
        if not batch:
            break
        time.sleep(bucket.wait(len(batch)))
        began = time.perf_counter()
        tally.accepted += log.append(INTERACTIONS, batch)
        tally.took(time.perf_counter() - began)
    tally.seconds = time.perf_counter() - start


def write_world(simulation: Simulation, folder: Path, events: int, done: Callable[[int], None]) -> tuple[Path, Path]:
    """The films and `events` past interactions as Parquet that `marquee data import` reads: (interactions, items)."""
    world = simulation.world
    rows: list[Event] = []
    number = 0
    while len(rows) < events:
        visit = simulation.arrivals.visit(number)
        number += 1
        if (event := simulation.browse(visit, _EPOCH + visit.day * _DAY)) is not None:
            rows.append(event)
            done(len(rows))
    folder.mkdir(parents=True, exist_ok=True)
    interactions, items = folder / "interactions.parquet", folder / "items.parquet"
    pl.DataFrame(rows).select(c.USER, c.ITEM, c.TS, c.KIND, c.VALUE).write_parquet(interactions)
    genres = ["|".join(f"Genre {g + 1}" for g in np.flatnonzero(row)) for row in world.genres]
    titles = [f"Film {item}" for item in world.item_ids.tolist()]
    pl.DataFrame({c.ITEM: world.item_ids, c.TITLE: titles, c.GENRES: genres}).write_parquet(items)
    return interactions, items
