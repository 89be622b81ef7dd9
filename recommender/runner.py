"""The runner: takes a request through the parts of a pipeline.

It owns concurrency, time-outs per source, timing and the trace; a part owns only its logic. A dead source contributes nothing
and the request goes on; a bug stays loud, because only `DependencyUnavailable` and time-outs are caught.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from core.breaker import Breaker
from core.errors import DependencyUnavailable
from recommender.alternatives import Alternatives
from recommender.candidates import Candidates, merge
from recommender.completion import Completion
from recommender.eligibility import Eligibility
from recommender.paging import goes_on, rest, without
from recommender.roles import (
    Eligible,
    Fetched,
    Filter,
    Hydrator,
    Query,
    Scorer,
    Selection,
    Selector,
    Source,
)
from recommender.slots import Placed, Slots, inserted
from recommender.trace import Trace


class Waits(NamedTuple):
    """The threads that a source runs in, its own, so that one that hangs starves no other; whether it is waited for at all."""

    threads: Executor
    breaker: Breaker


@dataclass(frozen=True, slots=True)
class TimedSource:
    """A source, and how long a request waits for it.

    Without `waits` it runs in the request's own thread: right for a source that only computes, and offline, where nobody waits.
    `fills`: it only fills lists up; its items come behind those of every other source. `weight`: that of its scores, where the
    release has none for it.
    """

    source: Source
    timeout: float  # seconds
    waits: Waits | None = None
    fills: bool = False
    weight: float | None = None


@dataclass(frozen=True)
class Pipeline:
    """The parts of one recommender, in order."""

    name: str
    policy_id: str
    eligibility: Eligibility
    filters: Sequence[Filter]
    sources: Sequence[TimedSource]
    hydrators: Sequence[Hydrator]
    scorers: Sequence[Scorer]
    selector: Selector
    completion: Completion
    slots: Slots

    async def run(self, query: Query) -> tuple[Selection, Trace]:
        """The page of the list, best first, never an item twice; fewer items only when no more are eligible."""
        trace = Trace()
        eligible = self._eligible(query, trace)
        candidates = self._scored(query, await self._candidates(query, eligible, trace), trace)
        selection, page = self._selected(query, candidates, eligible, trace), query.page
        if query.shown and not goes_on(self.eligibility.catalogue.ids, selection, query.shown, page):
            eligible = without(eligible, self.eligibility.catalogue.known_rows(query.shown.beside(page)))
            query, candidates = rest(query), candidates.only(eligible[candidates.rows])
            selection = self._selected(query, candidates, eligible, trace)
        return replace(selection.positions(query.page), policy_id=self.policy_id), trace

    async def alternatives(self, query: Query) -> tuple[Alternatives, Trace]:
        """All that the selector may choose from."""
        trace = Trace()
        eligible = self._eligible(query, trace)
        candidates = self._scored(query, await self._candidates(query, eligible, trace), trace)
        return Alternatives(query, candidates, eligible, self.selector, self.completion), trace

    async def candidates(self, query: Query) -> tuple[Candidates, Trace]:
        """What the scorers would get to see: the ranker is trained on it."""
        trace = Trace()
        return await self._candidates(query, self._eligible(query, trace), trace), trace

    def eligible(self, query: Query, but: Container[str] = ()) -> Eligible:
        """What may be shown [n]: what the sources would get to see, without the filters that `but` names."""
        return self._eligible(query, Trace(), but)

    def scored(self, query: Query, eligible: Eligible) -> Candidates:
        """The scored candidates among what is eligible, without time-outs and in the caller's thread: for explanations.

        Raises DependencyUnavailable where a source cannot answer.
        """
        trace = Trace()
        found = [timed.source.fetch(query, eligible) for timed in self.sources]
        return self._scored(query, self._merged(query, found, trace), trace)

    def selected(self, query: Query, candidates: Candidates, eligible: Eligible) -> Selection:
        """The list of scored candidates from its first position to the end of the query's page."""
        return self._selected(query, candidates, eligible, Trace())

    def _eligible(self, query: Query, trace: Trace, but: Container[str] = ()) -> Eligible:
        with trace.stage("filter", self.eligibility.name) as report:
            eligible = self.eligibility.of(query)
            left = int(np.count_nonzero(eligible))
            report(left, len(eligible) - left, None)
        filters: list[Filter] = [*self.eligibility.asked(query), *(one for one in self.filters if one.name not in but)]
        for filter_ in filters:
            with trace.stage("filter", filter_.name) as report:
                filter_.narrow(query, eligible)
                before, left = left, int(np.count_nonzero(eligible))
                report(left, before - left, None)
        return eligible

    async def _candidates(self, query: Query, eligible: Eligible, trace: Trace) -> Candidates:
        asked = [
            asyncio.create_task(self._waited_for(timed, timed.waits, query, eligible, trace))
            for timed in self.sources
            if timed.waits is not None
        ]
        if asked:
            await asyncio.sleep(0)  # they are on their way while the others compute
        computed = iter([self._computed(timed.source, query, eligible, trace) for timed in self.sources if timed.waits is None])
        waited = iter(await asyncio.gather(*asked) if asked else [])
        found = [next(computed if timed.waits is None else waited) for timed in self.sources]
        return self._merged(query, found, trace)

    def _merged(self, query: Query, found: Sequence[Fetched], trace: Trace) -> Candidates:
        names = [timed.source.name for timed in self.sources]
        filling = [timed.source.name for timed in self.sources if timed.fills]
        weights = {timed.source.name: timed.weight for timed in self.sources if timed.weight is not None}
        candidates = merge(dict(zip(names, found, strict=True)), filling, weights)
        for hydrator in self.hydrators:
            with trace.stage("hydrator", hydrator.name) as report:
                candidates = hydrator.hydrate(query, candidates)
                report(len(candidates), 0, None)
        return candidates

    def _scored(self, query: Query, candidates: Candidates, trace: Trace) -> Candidates:
        for scorer in self.scorers:
            with trace.stage("scorer", scorer.name) as report:
                candidates = replace(candidates, scores=scorer.score(query, candidates))
                report(len(candidates), 0, None)
        return candidates

    def _selected(self, query: Query, candidates: Candidates, eligible: Eligible, trace: Trace) -> Selection:
        """The list from its first position to the end of the query's page."""
        placed = self._placed(query, candidates, eligible, trace) if self.slots else []
        if placed:
            eligible = without(eligible, np.array([one.row for one in placed]))
            candidates = candidates.only(eligible[candidates.rows])
        with trace.stage("selector", self.selector.name) as report:
            selection = self.selector.select(query, candidates)
            report(len(selection), len(candidates) - len(selection), None)
        if selection.over_cap:
            trace.note(f"{selection.over_cap} positions over a cap: no candidate was within all of them")
        if len(selection) < query.page.end:
            with trace.stage("completion", self.completion.name) as report:
                before, selection = len(selection), self.completion.complete(query, selection, eligible)
                report(len(selection) - before, 0, None)
        return inserted(selection, placed, query.page.end) if placed else selection

    def _placed(self, query: Query, candidates: Candidates, eligible: Eligible, trace: Trace) -> list[Placed]:
        """Items for the slots; the trace counts those that no eligible item was found for as dropped."""
        with trace.stage("slots", self.slots.name) as report:
            placed = self.slots.place(query, candidates, eligible)
            report(len(placed), self.slots.active(query) - len(placed), None)
        return placed

    def _computed(self, source: Source, query: Query, eligible: Eligible, trace: Trace) -> Fetched:
        with trace.stage("source", source.name) as report:
            try:
                fetched = source.fetch(query, eligible)
            except DependencyUnavailable as error:
                report(0, 0, error.detail)
                return Fetched.nothing()
            report(len(fetched.rows), 0, None)
            return fetched

    async def _waited_for(self, timed: TimedSource, waits: Waits, query: Query, eligible: Eligible, trace: Trace) -> Fetched:
        fetch = partial(timed.source.fetch, query, eligible)
        with trace.stage("source", timed.source.name) as report:
            if waits.breaker.open:
                waits.breaker.ask_behind(waits.threads, fetch, timed.timeout)
                report(0, 0, "it did not answer a moment ago")
                return Fetched.nothing()
            try:
                fetching = asyncio.get_running_loop().run_in_executor(waits.threads, fetch)
                fetched = await asyncio.wait_for(fetching, timed.timeout)
            except DependencyUnavailable as error:
                failure = error.detail
            except TimeoutError:
                failure = f"no answer within {timed.timeout * 1e3:.0f} ms"
            else:
                waits.breaker.answered()
                report(len(fetched.rows), 0, None)
                return fetched
            waits.breaker.failed(failure)
            report(0, 0, failure)
        return Fetched.nothing()
