"""Items by popularity, read from the top until enough of them are eligible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.catalogue import ItemStats
from recommender.roles import Eligible


class PopularityOrder:
    """The release's rows, the most popular of late first."""

    def __init__(self, stats: ItemStats) -> None:
        self._rows = stats.popular_rows(len(stats.recent))

    def best(self, eligible: Eligible, k: int) -> NDArray[np.intp]:
        """The k most popular eligible rows. Reads no further than it must: mostly the first few hundred."""
        reach = 4 * k
        while True:
            top = self._rows[:reach]
            found = top[eligible[top]]
            if len(found) >= k or reach >= len(self._rows):
                return found[:k]
            reach *= 4
