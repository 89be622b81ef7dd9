"""Source: what is popular of late; works for a user never seen."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query

POPULAR = "popular"


class PopularConfig(SourceConfig):
    """The most popular items; by default they only fill up what personal sources leave."""

    blocks: ClassVar[bool] = False
    part: Literal["popular"] = "popular"
    fills: bool = True

    def build(self, now: Snapshot) -> PopularSource:
        return PopularSource(now, self.k)


class PopularSource:
    """The k most popular eligible items."""

    name = POPULAR

    def __init__(self, now: Snapshot, k: int) -> None:
        self._order = now.popularity
        self._recent = now.stats.recent
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:  # noqa: ARG002 - the role's signature
        """Scores are time-decayed interaction counts."""
        rows = self._order.best(eligible, self._k)
        return Fetched(rows, self._recent[rows].astype(np.float32))
