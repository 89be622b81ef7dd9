"""The recommendation service: one user, k films, and which way they came. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable
from core.events import IMPRESSIONS
from core.experiment import Experiment
from core.features import UserFeatures
from core.pipeline import Candidates, Pipeline, Query, Trace
from core.ports import Clock, EventLog
from core.telemetry import LISTS, RELEASE_INFO, STAGE_ERRORS, STAGE_SECONDS
from serving.lists.completion import CompletingSelector
from serving.lists.feature_gate import FeatureGate
from serving.lists.release import ServedRelease
from serving.lists.side_effects import LOG_IMPRESSIONS, LogImpressions
from serving.lists.write_behind import WriteBehind

log = logging.getLogger(__name__)

TWO_TOWER = "two_tower"
TWO_TOWER_MIRROR = "two_tower_mirror"
POPULAR_FALLBACK = "popular_fallback"
POPULAR_DEGRADED = "popular_degraded"
STRATEGIES = (TWO_TOWER, TWO_TOWER_MIRROR, POPULAR_FALLBACK, POPULAR_DEGRADED)

# The source, by name, that knows nothing of the user; every other one is personal.
POPULAR = "popular"
# The best slot's propensity is 1 - epsilon and more, an explored one's epsilon over the pool.
EXPLORED_BELOW = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One list, in the service's terms. `rows` are rows of `release.catalogue`."""

    request_id: str
    user_id: int
    cold_start: bool
    strategy: str
    release: ServedRelease
    chosen: Candidates
    user: UserFeatures | None
    trace: Trace
    seconds: float


class RecommendService:
    """Answers with lists of one release at a time; `serve` swaps the release between two requests."""

    def __init__(
        self,
        release: ServedRelease,
        features: FeatureGate,
        log: EventLog,
        experiment: Experiment,
        search_degraded: Callable[[], bool] = lambda: False,
        clock: Clock = time.time,
        concurrency: int = 16,
    ) -> None:
        """`search_degraded` says whether the in-process mirror answers in the vector service's place.

        At most `concurrency` lists are made at once. The others wait in line before their time-outs begin: under a burst
        answers come later, but none loses a source to a time-out that ran while it queued for a thread.
        """
        self.features = features
        self.impressions = WriteBehind(log, IMPRESSIONS, STAGE_ERRORS.labels("side_effect", LOG_IMPRESSIONS).inc)
        self._experiment = experiment
        self._search_degraded = search_degraded
        self._clock = clock
        self._turn = asyncio.Semaphore(concurrency)
        self._served = (release, self._prepare(release))
        RELEASE_INFO.labels(release.name).set(1)

    @property
    def release(self) -> ServedRelease:
        return self._served[0]

    def serve(self, release: ServedRelease) -> None:
        """Answer from this release from now on; requests under way end on the one they began with."""
        before = self.release.name
        self._served = (release, self._prepare(release))
        RELEASE_INFO.labels(before).set(0)
        RELEASE_INFO.labels(release.name).set(1)

    async def recommend(self, user_id: int, k: int, request_id: str | None = None) -> Answer:
        """k items, fewer only when the catalogue has no more that the user has not consumed. Never fails for a dependency."""
        start = time.perf_counter()
        async with self._turn:
            return await self._recommend(user_id, k, request_id or uuid.uuid4().hex, start)

    def close(self) -> None:
        """Store the impressions that wait, and give the threads back."""
        self.impressions.close()
        self.features.close()

    async def _recommend(self, user_id: int, k: int, request_id: str, start: float) -> Answer:
        release, pipeline = self._served
        trace = Trace()
        user, known = await self._read(user_id, trace)
        query = Query(request_id, user_id, k, self._clock(), seed=int(request_id[:16], 16), user=user)
        chosen, stages = await pipeline.run(query)
        trace.stages.extend(stages.stages)
        strategy = self._strategy(known, chosen, pipeline)
        _count(strategy, trace)
        cold = known and not _has_history(user, release.catalogue)
        return Answer(request_id, user_id, cold, strategy, release, chosen, user, trace, time.perf_counter() - start)

    async def _read(self, user_id: int, trace: Trace) -> tuple[UserFeatures | None, bool]:
        """The user's features, and whether the store could say."""
        with trace.stage("features", "online_store") as report:
            try:
                user = await self.features.read(user_id)
            except DependencyUnavailable as error:
                report(0, 0, error.detail)
                return None, False
            report(0 if user is None else len(user.item_ids), 0, None)
            return user, True

    def _strategy(self, known: bool, chosen: Candidates, pipeline: Pipeline) -> str:
        if not known:
            return POPULAR_DEGRADED
        personal = [origin for origin, timed in enumerate(pipeline.sources) if timed.source.name != POPULAR]
        if not np.isin(chosen.origin, personal).any():
            return POPULAR_FALLBACK
        return TWO_TOWER_MIRROR if self._search_degraded() else TWO_TOWER

    def _prepare(self, release: ServedRelease) -> Pipeline:
        """The release's pipeline with what every list owes: exactly k items, and a logged impression of each."""
        pipeline, catalogue = release.pipeline, release.catalogue
        policy = pipeline.selector.name
        return replace(
            pipeline,
            selector=CompletingSelector(pipeline.selector, catalogue, release.stats, origin=len(pipeline.sources)),
            side_effects=(
                *pipeline.side_effects,
                LogImpressions(self.impressions, catalogue, release.name, policy, self._experiment),
            ),
        )


def reasons(answer: Answer) -> Sequence[Sequence[dict[str, str]]]:
    """Why each item of the list is there. CPU-bound, some milliseconds: only for what is shown, and only on demand."""
    chosen = answer.chosen
    explored = np.zeros(len(chosen), dtype=np.bool_)
    if chosen.propensities is not None:
        explored = chosen.propensities < EXPLORED_BELOW
    found = answer.release.explain(answer.user, chosen.rows, explored)
    return [[{"code": reason.code, "text": reason.text} for reason in of_row] for of_row in found]


def trace_of(answer: Answer) -> dict[str, Any]:
    """The answer's trace: total time, and per stage what it returned, dropped and took."""
    stages = [
        {
            "stage": stage.stage,
            "part": stage.part,
            "returned": stage.returned,
            "dropped": stage.dropped,
            "milliseconds": round(stage.milliseconds, 3),
            "error": stage.error,
        }
        for stage in answer.trace.stages
    ]
    return {"milliseconds": round(answer.seconds * 1e3, 3), "stages": stages}


def _has_history(user: UserFeatures | None, catalogue: Catalogue) -> bool:
    """Whether the release knows an item of the user's history: what the user tower can read."""
    return user is not None and bool((catalogue.rows(user.item_ids) >= 0).any())


def _count(strategy: str, trace: Trace) -> None:
    LISTS.labels(strategy).inc()
    for stage in trace.stages:
        STAGE_SECONDS.labels(stage.stage, stage.part).observe(stage.milliseconds / 1e3)
        if stage.error is not None:
            STAGE_ERRORS.labels(stage.stage, stage.part).inc()
            log.debug("%s %s: %s", stage.stage, stage.part, stage.error)
