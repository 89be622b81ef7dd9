"""The list service: reads a user's features, lets the experiment choose the arm, and asks that arm's recommender.

A release that is being let in may fail on its users: the production release then makes their list.

Knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import NamedTuple

from core.background import Background
from core.errors import DependencyUnavailable
from core.events import IMPRESSIONS
from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from core.ports import Clock, EventLog
from core.telemetry import COLD_STARTS, LIST_SECONDS, LISTS, POSITIONS, RELEASE_FAILURES, STAGE_ERRORS, STAGE_SECONDS
from recommender.host import Chosen, RecommenderHost
from recommender.paging import Shown
from recommender.recommender import RecommendationResult, Recommender
from recommender.roles import NO_CONSTRAINTS, Constraints, Context, Page, Query
from recommender.trace import Trace
from serving.lists.asked import Asked
from serving.lists.exposures import Exposures
from serving.lists.feature_gate import FeatureGate, Stored
from serving.lists.following import FollowedItem, follow
from serving.lists.impressions import LOG_IMPRESSIONS, LogImpressions
from serving.lists.list_cache import Answer, ListCache, ListVersion
from serving.lists.outcomes import Outcomes
from serving.lists.shadow import Shadow
from serving.lists.shown_lists import ShownLists
from serving.lists.turns import Overloaded, Turns
from serving.lists.write_behind import WriteBehind

log = logging.getLogger(__name__)
GATHER_SECONDS = 0.02  # for which impressions wait for others: one fsync for all of them


class _Read(NamedTuple):
    """What a list for `who` is made from."""

    who: ExternalId
    user: UserFeatures | None
    stored: Hashable  # the version of what the feature store has of the user
    answered: bool  # whether the feature store did
    chosen: Chosen
    trace: Trace


class RecommendService:
    """Answers with lists of the host's recommenders, and logs what it shows."""

    def __init__(
        self,
        host: RecommenderHost,
        features: FeatureGate,
        log: EventLog,
        clock: Clock = time.time,
        concurrency: int = 4,
        patience: float = 1.0,
        shadow_share: float = 0.1,
        code_version: str = "",
        cache: ListCache | None = None,
    ) -> None:
        """A release in shadow makes lists for `shadow_share` of the requests; `code_version` is on record with each list.

        At most `concurrency` lists are made at once: enough to compute while others wait for Redis or Milvus, and few enough for
        the event loop to come round, to refusals and health checks, every few lists. The others wait in a queue before their
        time-outs begin: under a burst answers come later, but none loses a source to a time-out that ran while it waited. Whoever
        would wait longer than `patience` seconds is refused.
        """
        self.host = host
        self.features = features
        failed = STAGE_ERRORS.labels("side_effect", LOG_IMPRESSIONS).inc
        self.impressions = WriteBehind(log, IMPRESSIONS, failed, gather=GATHER_SECONDS)
        self.outcomes = Outcomes(log, code_version)
        self.shown = ShownLists()
        self.exposures = Exposures()
        self._shadow = Shadow(self.outcomes, shadow_share)
        self._clock = clock
        self._turns = Turns(concurrency, patience)
        self._questions = Turns(
            concurrency, patience
        )  # a question why takes as long as a dozen lists, and would be taken for one
        self._cache = cache or ListCache()
        host.act(LogImpressions(self.impressions))

    async def recommend(
        self,
        user: ExternalId,
        page: Page,
        constraints: Constraints = NO_CONSTRAINTS,
        request_id: str | None = None,
        page_of: str | None = None,
        forced: Mapping[str, str] | None = None,
        session: UserFeatures | None = None,
    ) -> RecommendationResult:
        """A page of a list; fewer items than asked for only when no more are eligible. Never fails for a dependency.

        Raises Overloaded when too many others wait.

        `request_id` and `page_of` are 32 hex digits; `page_of` is the request of the first page, whose exploration goes on.
        `forced` are variants of experiments to be in, by experiment; raises NotFound for one that does not run. `session`:
        features to go by, in place of those in the store.
        """
        start = time.perf_counter()
        request_id = request_id or uuid.uuid4().hex
        async with self._turns.one():
            read = await self._read(user, forced) if session is None else self._given(user, session)
            made = await self._make(read, page, constraints, request_id, page_of)
        return self._noted(made, start, page_of)

    async def answer(self, asked: Asked, request_id: str) -> Answer:
        """A first page as it is sent: the one of a moment ago, if it would be made from the same again, or a new one.

        While the feature store does not answer and nothing is known of the user, an older one. Raises Overloaded.
        """
        start, key = time.perf_counter(), (asked.key, asked)
        async with self._turns.one():
            read = await self._read(asked.user)
            version = ListVersion.of(read.chosen, read.stored)
            lasts = not read.chosen.recommender.policy.tires  # else each list that is shown changes the next one
            if lasts and read.answered and (kept := self._cache.get(key, version)):
                return kept
            if not read.answered and read.user is None and (kept := self._cache.stale(key, version)):
                return kept._replace(body=asked.form.of_before(kept.body))
            made = await self._make(read, asked.page, asked.constraints, request_id, None)
        answer = Answer(asked.form.render(self._noted(made, start, None)), request_id)
        if lasts and read.answered:
            self._cache.keep(key, version, answer)
        return answer

    def again(self, asked: Asked, stored: Stored) -> Answer | None:
        """The page of a moment ago, if a new one would be made from the same. It needs no turn: nothing is made."""
        return self._cache.again((asked.key, asked), ListVersion.of(self.host.choose(asked.key), stored.version))

    def refusal(self) -> Overloaded | None:
        """Why a request that comes now would be refused, if it would."""
        return self._turns.refusal

    def close(self) -> None:
        """Store the impressions that wait, and stop the threads."""
        self.impressions.close()
        self.outcomes.close()
        self.features.close()
        self.host.close()

    def forget(self, user: ExternalId) -> None:
        """What this process remembers of what it showed to a user."""
        self.shown.forget(user_key(user))
        self.exposures.forget(user_key(user))
        self.features.forget(user_key(user))
        self._cache.forget(user_key(user))

    async def maker_of(self, user: ExternalId | None) -> tuple[Recommender, UserFeatures | None]:
        """Who makes a user's lists now, and what is known of the user, or last was; for None who makes most users' lists."""
        if user is None:
            return self.host.main, None
        read = await self._read(user)
        return read.chosen.recommender, read.user

    async def known(self, user: ExternalId) -> UserFeatures | None:
        """A user's features; None for one never seen, and for one whose key is another user's. Raises DependencyUnavailable."""
        return _of(user, await self.features.read(user_key(user)))

    async def fate(
        self, user: ExternalId, item: int, page: Page, constraints: Constraints, request_id: str, page_of: str | None = None
    ) -> FollowedItem:
        """What becomes of an item (its key) in the list that the same request would get now, and why.

        Nothing is shown, so nothing is logged. Raises DependencyUnavailable: a guess would be no explanation.
        """
        known, chosen = await self.known(user), self.host.choose(user_key(user))
        seed, shown = int((page_of or request_id)[:16], 16), self.shown.of(page_of, user_key(user))
        query = self._query(user, known, chosen, True, page, constraints, request_id, seed, shown)
        async with self._questions.one():
            return await asyncio.to_thread(follow, chosen.recommender, query, item)

    async def _make(
        self, read: _Read, page: Page, constraints: Constraints, request_id: str, page_of: str | None
    ) -> RecommendationResult:
        chosen, seed = read.chosen, int((page_of or request_id)[:16], 16)
        shown = self.shown.of(page_of, user_key(read.who))
        query = self._query(read.who, read.user, chosen, read.answered, page, constraints, request_id, seed, shown)
        made, failed = await _made(chosen, query)
        self.outcomes.shown(chosen.arm, chosen.recommender.snapshot.name, made, failed)
        self._shadow.mirror(chosen, made)
        return replace(made, trace=Trace([*read.trace.stages, *made.trace.stages]))

    def _noted(self, made: RecommendationResult, start: float, page_of: str | None) -> RecommendationResult:
        """With the time since `start` (perf_counter), remembered and counted."""
        made = replace(made, seconds=time.perf_counter() - start)
        self.shown.add(page_of or made.query.request_id, made)
        if made.query.exposure is not None:
            self.exposures.add(made)
        _count(made)
        return made

    def _query(
        self,
        who: ExternalId,
        user: UserFeatures | None,
        chosen: Chosen,
        answered: bool,
        page: Page,
        constraints: Constraints,
        request_id: str,
        seed: int,
        shown: Shown,
    ) -> Query:
        return Query(
            request_id=request_id,
            user_id=user_key(who),
            external_id=who,
            now=self._clock(),
            seed=seed,
            user=user,
            page=page,
            context=Context(chosen.arm, constraints, answered),
            shown=shown,
            exposure=self.exposures.of(user_key(who)) if chosen.recommender.policy.tires else None,
        )

    def _given(self, who: ExternalId, session: UserFeatures) -> _Read:
        return _Read(who, session, None, True, self.host.choose(user_key(who)), Trace())

    async def _read(self, who: ExternalId, forced: Mapping[str, str] | None = None) -> _Read:
        """What is known of the user, and who makes the list.

        While the feature store does not answer, the user's last known features, if there are any.
        """
        trace, answered, stored = Trace(), True, None
        with trace.stage("features", "online_store") as report:
            try:
                found = await self.features.ask(user_key(who))
                user, error, stored = _of(who, self.features.decoded(user_key(who), found)), None, found.version
            except DependencyUnavailable as failure:
                user, error, answered = _of(who, self.features.last_known(user_key(who))), failure.detail, False
            report(0 if user is None else len(user.item_ids), 0, error)
        return _Read(who, user, stored, answered, self.host.choose(user_key(who), forced), trace)


def _of(user: ExternalId, found: UserFeatures | None) -> UserFeatures | None:
    """What was found under a user's key; None where it is another user's."""
    return found if found is None or found.external_id == original(user) else None


async def _made(chosen: Chosen, query: Query) -> tuple[RecommendationResult, bool]:
    """The list, and whether the chosen release failed on it. Without a fallback it raises what the recommender raises."""
    try:
        return await chosen.recommender.recommend(query), False
    except Exception:  # whatever it is: its users are not to notice that they were the first to get it
        if chosen.fallback is None:
            raise
        log.warning("release %s failed on request %s", chosen.recommender.snapshot.name, query.request_id, exc_info=True)
        RELEASE_FAILURES.labels(chosen.arm).inc()
        return await chosen.fallback.recommend(query), True


def following(host: RecommenderHost, interval: float) -> tuple[Background, Callable[[], None]]:
    """A thread in which the host looks for updates every `interval` seconds, and what stops it."""
    told = threading.Event()

    def look() -> None:
        while not told.is_set():
            try:
                host.look()
            except DependencyUnavailable as error:
                log.warning("the last good state is served: %s", error.detail)
            told.wait(interval)

    follower = Background("recommender-host", look)

    def stop() -> None:
        told.set()
        follower.stop()

    return follower, stop


def _count(made: RecommendationResult) -> None:
    LISTS.labels(made.strategy).inc()
    LIST_SECONDS.labels(made.query.context.arm).observe(made.seconds)
    COLD_STARTS.inc(made.cold_start)
    explored = int(made.selection.explored.sum())
    POSITIONS.labels("yes").inc(explored)
    POSITIONS.labels("no").inc(len(made.selection) - explored)
    for stage in made.trace.stages:
        STAGE_SECONDS.labels(stage.stage, stage.part).observe(stage.milliseconds / 1e3)
        if stage.error is not None:
            STAGE_ERRORS.labels(stage.stage, stage.part).inc()
            log.debug("%s %s: %s", stage.stage, stage.part, stage.error)
