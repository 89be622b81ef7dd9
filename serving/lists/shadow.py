"""Asks a release in shadow for the list of a part of the requests. Nobody sees it, and nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import time

from core.telemetry import SHADOW_LISTS
from recommender.host import Chosen
from recommender.recommender import RecommendationResult, Recommender
from recommender.split import STAGING, arm_of
from serving.lists.outcomes import Outcomes

_log = logging.getLogger(__name__)


class Shadow:
    """At most one list is made at a time, so that requests keep the machine; what comes meanwhile is skipped, and counted."""

    def __init__(self, outcomes: Outcomes, share: float) -> None:
        """`share` of the requests, 0 to 1."""
        self._outcomes = outcomes
        self._share = share
        self._busy: asyncio.Task[None] | None = None

    def mirror(self, chosen: Chosen, shown: RecommendationResult) -> None:
        """Make the shadow of a list that was made just now, in the background, if its request is one of the share."""
        if chosen.shadow is None or int(shown.query.request_id[:8], 16) / 2**32 >= self._share:
            return
        if self._busy is not None and not self._busy.done():
            SHADOW_LISTS.labels("skipped").inc()
            return
        self._busy = asyncio.create_task(self._make(chosen.shadow, arm_of(chosen.arm, STAGING), shown))

    async def _make(self, recommender: Recommender, arm: str, shown: RecommendationResult) -> None:
        start, release, overlap = time.perf_counter(), recommender.snapshot.name, None
        seconds = 0.0
        try:
            made = await recommender.recommend(shown.query)
            seconds, overlap = made.seconds, overlap_of(made, shown)
        except Exception:  # a shadow may fail in any way: that is what it is for
            _log.warning("release %s in shadow failed on request %s", release, shown.query.request_id, exc_info=True)
            seconds = time.perf_counter() - start
        SHADOW_LISTS.labels("failed" if overlap is None else "made").inc()
        self._outcomes.shadow(shown.query, arm, release, seconds, overlap)


def overlap_of(made: RecommendationResult, shown: RecommendationResult) -> float:
    """The share of a list's items that are also in the other list; 1 for two lists without items."""
    of_made, of_shown = (set(one.snapshot.catalogue.ids[one.selection.rows].tolist()) for one in (made, shown))
    longer = max(len(of_made), len(of_shown))
    return len(of_made & of_shown) / longer if longer else 1.0
