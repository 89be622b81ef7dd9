"""The recommender: one policy on one release. `recommend` is the one way in which a list is made.

Serving, judging a release, replaying logged requests and counterfactual evaluation all call it, so that what is judged is what
is served.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.answers import Answers
from core.catalogue import Catalogue
from core.errors import DependencyUnavailable
from core.features import UserFeatures
from ranking.reasons import Explanation
from recommender.alternatives import Alternatives
from recommender.assembly import SourceThreads, assemble
from recommender.candidates import Candidates
from recommender.explaining import Explainer
from recommender.fate import Fate, fate_of
from recommender.live import Snapshot
from recommender.onboarding import primed
from recommender.parts.popular_segment import POPULAR_SEGMENT
from recommender.parts.seen import SEEN
from recommender.policy import Policy
from recommender.roles import Eligible, Query, Selection
from recommender.trace import Trace

TWO_TOWER = "two_tower"
TWO_TOWER_MIRROR = "two_tower_mirror"
PERSONAL = "personal"
ONBOARDING = "onboarding"  # as `personal`, from answers alone
LAST_KNOWN = "last_known"  # as the three above, from features of before the store stopped answering
CACHED = "cached"  # a list of before, which a service shows again while nothing can be read of the user
POPULAR_FALLBACK = "popular_fallback"
POPULAR_DEGRADED = "popular_degraded"
NOTHING_ELIGIBLE = "nothing_eligible"
STRATEGIES = (
    TWO_TOWER,
    TWO_TOWER_MIRROR,
    PERSONAL,
    ONBOARDING,
    LAST_KNOWN,
    CACHED,
    POPULAR_SEGMENT,
    POPULAR_FALLBACK,
    POPULAR_DEGRADED,
    NOTHING_ELIGIBLE,
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecommendationResult:
    """A list and how it came about. Its rows are those of `snapshot.catalogue`."""

    query: Query
    selection: Selection
    strategy: str  # one of STRATEGIES
    cold_start: bool  # nothing is known of the user that the release could read
    by: Recommender
    trace: Trace
    seconds: float

    @property
    def snapshot(self) -> Snapshot:
        return self.by.snapshot

    def reasons(self) -> list[list[Explanation]]:
        """Why each item is there. CPU-bound and as long as a dozen lists: on demand, and in a thread."""
        return self.by.reasons.explain(self.query, self.selection)


class SideEffect(Protocol):
    """Acts on a finished list, for example has its impressions logged. Runs in the event loop, so it may not wait."""

    name: str

    def run(self, made: RecommendationResult) -> None:
        """Raises DependencyUnavailable; the list is served all the same."""


class Recommender:
    """Makes lists. Immutable: when its release moves on, the host makes the next one."""

    def __init__(
        self,
        snapshot: Snapshot,
        policy: Policy,
        threads: SourceThreads,
        side_effects: Sequence[SideEffect] = (),
        bounded: bool = True,
    ) -> None:
        """`bounded`: sources have the policy's time-outs. Offline there is nobody who waits, and a time-out would be a lie."""
        self.snapshot = snapshot
        self.policy = policy
        self._side_effects = tuple(side_effects)
        self._pipeline = assemble(policy, snapshot, threads, bounded)
        self._primary = tuple(config.part for config in policy.sources if not config.fills)

    @property
    def policy_id(self) -> str:
        return self._pipeline.policy_id

    async def recommend(self, query: Query) -> RecommendationResult:
        """The query's page of the list. Fewer items than asked for only when no more are eligible; never fails for a
        dependency."""
        start = time.perf_counter()
        selection, trace = await self._pipeline.run(self._primed(query))
        answered = query.context.features_answered
        made = RecommendationResult(
            query=query,
            selection=selection,
            strategy=self._strategy(query, selection),
            cold_start=answered and not has_history(query.user, self.snapshot.catalogue),
            by=self,
            trace=trace,
            seconds=time.perf_counter() - start,
        )
        for effect in self._side_effects:
            _affect(effect, made)
        return made

    async def candidates(self, query: Query) -> Candidates:
        """What the policy's scorers would order, with every feature: what a ranker learns from."""
        return (await self._pipeline.candidates(self._primed(query)))[0]

    def fate(self, query: Query, item: int) -> Fate:
        """What became of an item (its key) in a request. CPU-bound, and nothing is logged. Raises DependencyUnavailable."""
        return fate_of(self.snapshot, self.policy, self._pipeline, self._primed(query), item)

    def eligible(self, query: Query, seen: bool = False) -> Eligible:
        """What the policy's filters let through for a query [n], over the release's rows; `seen`: also what the user has seen."""
        return self._pipeline.eligible(self._primed(query), (SEEN,) if seen else ())

    def vector_of(self, user: UserFeatures | None) -> NDArray[np.float32] | None:
        """The user's vector [d]; None where nothing is known that the user tower could read."""
        user = primed(self.snapshot, user).user
        return None if user is None else self.snapshot.encoder.encode(user)

    async def alternatives(self, query: Query) -> Alternatives:
        """What could be shown instead, and with what probability. Raises RuntimeError when a part did not answer."""
        found, trace = await self._pipeline.alternatives(self._primed(query))
        _all_answered(trace)
        return found

    @cached_property
    def reasons(self) -> Explainer:
        """What explains its lists."""
        return Explainer(self.snapshot, self._pipeline)

    def _answers_alone(self, user: UserFeatures) -> bool:
        return not has_history(user, self.snapshot.catalogue) and bool(Answers.of(user.profile))

    def _primed(self, query: Query) -> Query:
        """With a user's answers as history, while there is no real one."""
        user = primed(self.snapshot, query.user).user
        return query if user is query.user else replace(query, user=user)

    def _strategy(self, query: Query, selection: Selection) -> str:
        if not len(selection):
            return NOTHING_ELIGIBLE
        personal = selection.found_by(*self._primary).any()
        if not query.context.features_answered:
            return LAST_KNOWN if personal else POPULAR_DEGRADED
        if personal and query.user is not None and self._answers_alone(query.user):
            return ONBOARDING
        if selection.found_by(TWO_TOWER).any():
            return TWO_TOWER_MIRROR if self.snapshot.search_degraded() else TWO_TOWER
        if personal:
            return PERSONAL
        return POPULAR_SEGMENT if selection.found_by(POPULAR_SEGMENT).any() else POPULAR_FALLBACK


def _affect(effect: SideEffect, made: RecommendationResult) -> None:
    with made.trace.stage("side_effect", effect.name) as report:
        try:
            effect.run(made)
            report(len(made.selection), 0, None)
        except DependencyUnavailable as error:
            report(0, 0, error.detail)


def has_history(user: UserFeatures | None, catalogue: Catalogue) -> bool:
    """Whether the release knows an item of the user's history: what the user tower can read."""
    return user is not None and bool((catalogue.rows(user.item_ids) >= 0).any())


def _all_answered(trace: Trace) -> None:
    """Half a pipeline judges nothing. Raises RuntimeError."""
    if failed := trace.failed():
        raise RuntimeError(f"{failed[0].stage} {failed[0].part}: {failed[0].error}")


class Offline:
    """A recommender asked outside a server: one query after the other, without time-outs, and users encoded in batches."""

    def __init__(self, snapshot: Snapshot, policy: Policy) -> None:
        self._threads = SourceThreads()
        self.recommender = Recommender(snapshot, policy, self._threads, bounded=False)

    def __enter__(self) -> Offline:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.close()

    def recommend(self, queries: Iterable[Query]) -> Iterator[RecommendationResult]:
        """The list for each query. Raises RuntimeError when a part did not answer: half a pipeline judges nothing."""
        with closing(asyncio.new_event_loop()) as loop:
            for query in self._encoded(queries):
                made = loop.run_until_complete(self.recommender.recommend(query))
                _all_answered(made.trace)
                yield made

    def alternatives(self, queries: Iterable[Query]) -> Iterator[Alternatives]:
        """What could be shown to each query. Raises RuntimeError when a part did not answer."""
        with closing(asyncio.new_event_loop()) as loop:
            for query in self._encoded(queries):
                yield loop.run_until_complete(self.recommender.alternatives(query))

    def candidates(self, queries: Iterable[Query]) -> Iterator[Candidates]:
        """The candidates of each query, with features."""
        with closing(asyncio.new_event_loop()) as loop:
            for query in self._encoded(queries):
                yield loop.run_until_complete(self.recommender.candidates(query))

    def _encoded(self, queries: Iterable[Query], batch: int = 256) -> Iterator[Query]:
        """Queries with the user's vector: in batches it takes a fifth of the time."""
        waiting = list(queries)
        for start in range(0, len(waiting), batch):
            part = waiting[start : start + batch]
            now = self.recommender.snapshot
            users = [primed(now, query.user).user or UserFeatures(query.user_id) for query in part]
            vectors = now.encoder.encode_many(users)
            for query, vector in zip(part, vectors, strict=True):
                yield replace(query, user_vector=vector if np.any(vector) else None)
