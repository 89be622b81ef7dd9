"""Source: what is taken up now more often than it used to be."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from feature_repo.item_stats import of_all_time
from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query
from retrieval.adapters.mirror import top_rows

ONE_USER = 1.001  # the greatest rise that one user can make, of an item that nobody liked before; and rounding


class TrendingConfig(SourceConfig):
    """The items with the greatest rise. The window is that of recent popularity (`feature_repo.item_stats`)."""

    blocks: ClassVar[bool] = False
    part: Literal["trending"] = "trending"
    fills: bool = True

    def build(self, now: Snapshot) -> TrendingSource:
        return TrendingSource(now, self.k)


class TrendingSource:
    """The k eligible items that more users like of late than their share of all likings lets expect, the greatest surprise first.

    The score is the deviation from the expected count in units of its standard deviation (Poisson): large for an item that became
    popular, about 0 for one that always was. What one user can do is at most 1, and nothing trends
    before something rises by more.
    """

    name = "trending"

    def __init__(self, now: Snapshot, k: int) -> None:
        ever = now.stats.users.astype(np.float64)
        recent = np.maximum(now.stats.recent - of_all_time(ever), 0.0)
        expected = ever * (recent.sum() / max(ever.sum(), 1.0))
        self.rise = ((recent - expected) / np.sqrt(expected + 1.0)).astype(np.float32)
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:  # noqa: ARG002 - the role's signature
        best = self.rows(eligible, self._k)
        return Fetched(best, self.rise[best], spread=float(self.rise.std()))

    def rows(self, eligible: Eligible, k: int) -> NDArray[np.intp]:
        """The k eligible rows [m] with the greatest rise; none where not even the first is more than one user's doing."""
        found = np.flatnonzero((self.rise > 0) & eligible)
        best = np.asarray(found[top_rows(self.rise[found], k)], dtype=np.intp)
        return best if len(best) and self.rise[best[0]] > ONE_USER else best[:0]
