"""Source: what is popular among users like this one; for a user of whom static attributes are known, and perhaps nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query

POPULAR_SEGMENT = "popular_segment"
_KEPT = 5_000  # most popular items that are kept of a combination of segments; who has seen all of these is no new user
_COMBINATIONS = 256


class PopularSegmentConfig(SourceConfig):
    """The most popular items among users of the same age band, or of any other attribute; by default they only fill up."""

    blocks: ClassVar[bool] = False
    part: Literal["popular_segment"] = "popular_segment"
    fills: bool = True

    def build(self, now: Snapshot) -> PopularSegmentSource:
        return PopularSegmentSource(now, self.k)


class PopularSegmentSource:
    """The k most popular eligible items of the user's segments; nothing for a user without any."""

    name = POPULAR_SEGMENT

    def __init__(self, now: Snapshot, k: int) -> None:
        self._table = now.release.segments
        self._recent = now.stats.recent
        self._k = k
        self._top = lru_cache(_COMBINATIONS)(self._best)

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are time-decayed counts, on the scale of what is popular with everybody."""
        segments = self._table.known(query.user.profile) if self._table is not None and query.user is not None else ()
        if not segments:
            return Fetched.nothing()
        rows, scores = self._top(segments)
        kept = np.flatnonzero(eligible[rows])[: self._k]
        return Fetched(rows[kept], scores[kept])

    def _best(self, segments: tuple[str, ...]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        if self._table is None:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
        scores = self._table.scores(segments, self._recent)
        rows = np.argsort(-scores, kind="stable")[:_KEPT]
        return rows, scores[rows]
