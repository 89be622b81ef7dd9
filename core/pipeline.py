"""A recommendation is a pipeline of small parts in six roles; this module has the roles, the data they pass, and the runner.

source -> hydrator -> filter -> scorer -> selector -> side effect

The runner owns concurrency, per-source time-outs, timing, counting and the trace; a part owns only its logic. A dead
source contributes nothing and the request goes on; a bug stays loud, because only `DependencyUnavailable` and time-outs
are caught.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable
from core.features import UserFeatures


@dataclass(frozen=True, slots=True)
class Query:
    """One request for a list. `seed` makes exploration reproducible; `user` is None for a user never seen."""

    request_id: str
    user_id: int
    k: int
    now: float  # Unix seconds
    seed: int
    user: UserFeatures | None = None
    user_vector: NDArray[np.float32] | None = None  # [d], where the caller has one; else the source encodes the history

    def consumed_rows(self, catalogue: Catalogue) -> NDArray[np.intp]:
        """Rows of this catalogue that the user is not to see again."""
        return np.empty(0, dtype=np.intp) if self.user is None else catalogue.known_rows(self.user.consumed)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """n items in columns, row-aligned. `rows` are catalogue rows; `origin` indexes the pipeline's sources."""

    rows: NDArray[np.intp]  # [n]
    scores: NDArray[np.float32]  # [n]: of the source first, of the scorer after scoring
    origin: NDArray[np.int8]  # [n]
    features: NDArray[np.float32] | None = None  # [n, F]
    propensities: NDArray[np.float32] | None = None  # [n], set by the selector

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Candidates:
        """The same columns at an index or mask."""
        return Candidates(
            self.rows[index],
            self.scores[index],
            self.origin[index],
            None if self.features is None else self.features[index],
            None if self.propensities is None else self.propensities[index],
        )

    @staticmethod
    def of(rows: NDArray[np.intp], scores: NDArray[np.float32], origin: int = 0) -> Candidates:
        return Candidates(rows, scores, np.full(len(rows), origin, dtype=np.int8))


class Source(Protocol):
    """Fetches candidates. May block: it runs in a thread under a time-out."""

    name: str

    def fetch(self, query: Query) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Catalogue rows [n] and scores [n], best first. Raises DependencyUnavailable."""


class Hydrator(Protocol):
    """Attaches features to candidates."""

    name: str

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates: ...


class Filter(Protocol):
    """Says which candidates stay."""

    name: str

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]: ...


class Scorer(Protocol):
    """Gives each candidate its final score."""

    name: str

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]: ...


class Selector(Protocol):
    """Orders candidates, explores, and sets the propensity of each of at most query.k chosen ones."""

    name: str

    def select(self, query: Query, candidates: Candidates) -> Candidates: ...


class SideEffect(Protocol):
    """Acts on the finished list, for example logs impressions. May block: it runs in a thread."""

    name: str

    def run(self, query: Query, chosen: Candidates) -> None: ...


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one part did: how many it returned or dropped, and how long it took."""

    stage: str
    part: str
    returned: int
    dropped: int
    milliseconds: float
    error: str | None = None


@dataclass(slots=True)
class Trace:
    """The stages of one request in order."""

    stages: list[StageTrace] = field(default_factory=list)

    @contextmanager
    def stage(self, stage: str, part: str) -> Iterator[Callable[[int, int, str | None], None]]:
        """Times the block; the block reports (returned, dropped, error)."""
        outcome: tuple[int, int, str | None] = (0, 0, None)

        def report(returned: int, dropped: int = 0, error: str | None = None) -> None:
            nonlocal outcome
            outcome = (returned, dropped, error)

        start = time.perf_counter()
        yield report
        self.stages.append(StageTrace(stage, part, outcome[0], outcome[1], (time.perf_counter() - start) * 1e3, outcome[2]))

    def failed(self) -> list[StageTrace]:
        return [stage for stage in self.stages if stage.error is not None]


@dataclass(frozen=True, slots=True)
class TimedSource:
    """A source and how long a request waits for it. Its threads are its own: one that hangs starves no other."""

    source: Source
    timeout: float  # seconds
    threads: Executor = field(default_factory=lambda: ThreadPoolExecutor(8, thread_name_prefix="source"), compare=False)


@dataclass(frozen=True)
class Pipeline:
    """The parts of one recommender, in order. Assembled in `app/` from `configs/pipelines/*.toml`."""

    name: str
    sources: Sequence[TimedSource]
    hydrators: Sequence[Hydrator]
    filters: Sequence[Filter]
    scorers: Sequence[Scorer]
    selector: Selector
    side_effects: Sequence[SideEffect] = ()

    async def run(self, query: Query) -> tuple[Candidates, Trace]:
        """At most query.k items, ordered, with propensities; never one twice."""
        trace = Trace()
        fetched = await asyncio.gather(*(self._fetch(timed, query, trace) for timed in self.sources))
        candidates = merge(fetched)
        for filter_ in self.filters:
            with trace.stage("filter", filter_.name) as report:
                kept = candidates.take(filter_.keep(query, candidates))
                report(len(kept), len(candidates) - len(kept), None)
                candidates = kept
        for hydrator in self.hydrators:
            with trace.stage("hydrator", hydrator.name) as report:
                candidates = hydrator.hydrate(query, candidates)
                report(len(candidates), 0, None)
        for scorer in self.scorers:
            with trace.stage("scorer", scorer.name) as report:
                candidates = replace(candidates, scores=scorer.score(query, candidates))
                report(len(candidates), 0, None)
        with trace.stage("selector", self.selector.name) as report:
            chosen = self.selector.select(query, candidates)
            report(len(chosen), len(candidates) - len(chosen), None)
        for effect in self.side_effects:
            await self._affect(effect, query, chosen, trace)
        return chosen, trace

    async def _fetch(self, timed: TimedSource, query: Query, trace: Trace) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        with trace.stage("source", timed.source.name) as report:
            try:
                fetching = asyncio.get_running_loop().run_in_executor(timed.threads, timed.source.fetch, query)
                rows, scores = await asyncio.wait_for(fetching, timed.timeout)
            except DependencyUnavailable as error:
                report(0, 0, error.detail)
            except TimeoutError:
                report(0, 0, f"no answer within {timed.timeout * 1e3:.0f} ms")
            else:
                report(len(rows), 0, None)
                return rows, scores
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)

    @staticmethod
    async def _affect(effect: SideEffect, query: Query, chosen: Candidates, trace: Trace) -> None:
        with trace.stage("side_effect", effect.name) as report:
            try:
                await asyncio.to_thread(effect.run, query, chosen)
                report(len(chosen), 0, None)
            except DependencyUnavailable as error:
                report(0, 0, error.detail)


def merge(fetched: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]]) -> Candidates:
    """One column set from several sources; an item that two of them found stays with the first."""
    rows = np.concatenate([rows for rows, _ in fetched]) if fetched else np.empty(0, dtype=np.intp)
    scores = np.concatenate([scores for _, scores in fetched]) if fetched else np.empty(0, dtype=np.float32)
    origin = np.repeat(np.arange(len(fetched), dtype=np.int8), [len(rows) for rows, _ in fetched])
    _, first = np.unique(rows, return_index=True)
    first.sort()
    return Candidates(rows[first], scores[first].astype(np.float32), origin[first])
