"""Item statistics at several moments of a period: what lists would have gone by then, as serving's statistics follow the events.

One snapshot from before the period would make everything that reads popularity look worse than it is when it serves. On sparse
data "popular of late" then means a few users who happened to come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from feature_repo.item_stats import ItemCounts

MOMENTS = 10  # of a period


@dataclass(frozen=True, eq=False)
class StatsOverTime:
    """Statistics [p] in order of time; each holds until the next one's `as_of`, and the first one from the beginning."""

    stats: Sequence[ItemStats]

    @classmethod
    def over(
        cls, interactions: pl.DataFrame, catalogue: Catalogue, times: Sequence[float], moments: int = MOMENTS
    ) -> StatsOverTime:
        """As of some of these times (Unix seconds), so that about as many of them follow on each. No event at or after a moment
        counts in its statistics. Without any time they are empty.
        """
        if not len(times):
            return cls([ItemCounts(catalogue).stats(0.0)])
        starts = np.unique(np.quantile(times, np.arange(moments) / moments, method="lower"))
        counts, ordered, found, since = ItemCounts(catalogue), interactions.sort(c.TS), [], 0
        at = np.searchsorted(ordered[c.TS].to_numpy(), starts, side="left")
        for start, until in zip(starts.tolist(), at.tolist(), strict=True):
            counts.add(ordered[since:until])
            found.append(counts.stats(start))
            since = until
        return cls(found)

    def at(self, times: Sequence[float]) -> NDArray[np.intp]:
        """Which of the statistics held at each time [m]."""
        starts = [one.as_of for one in self.stats]
        return np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
