"""The promise of a full page: a list that its sources left short is filled up with what is popular."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.popularity import PopularityOrder
from recommender.roles import Eligible, Query, Selection


class Completion:
    """Adds the most popular eligible items, each with propensity 1: there was no other choice.

    A list is short when a source timed out, when an index is empty, or when a request's constraints leave little.
    """

    name = "popular"

    def __init__(self, popularity: PopularityOrder) -> None:
        self._order = popularity

    def rows(self, above: NDArray[np.intp], count: int, eligible: Eligible) -> NDArray[np.intp]:
        """The `count` most popular eligible rows that are not among those `above` [m]; fewer if there are no more."""
        free = eligible.copy()
        free[above] = False
        return self._order.best(free, count)

    def complete(self, query: Query, selection: Selection, eligible: Eligible) -> Selection:
        """The selection and what it lacked, up to `query.page.end` positions, within what is eligible."""
        rows = self.rows(selection.rows, query.page.end - len(selection), eligible)
        lowest = float(selection.scores.min()) if len(selection) else 0.0
        added = len(rows)
        return replace(
            selection,
            rows=np.concatenate([selection.rows, rows]),
            scores=np.concatenate([selection.scores, lowest - np.arange(1, added + 1, dtype=np.float32)]),
            propensities=np.concatenate([selection.propensities, np.ones(added, dtype=np.float32)]),
            explored=np.concatenate([selection.explored, np.zeros(added, dtype=np.bool_)]),
            found=np.concatenate([selection.found, np.zeros((added, len(selection.sources)), dtype=np.bool_)]),
        )
