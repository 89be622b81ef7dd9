"""Source: the items nearest to the user's vector."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import DependencyUnavailable, NotFound
from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query
from retrieval.adapters.mirror import top_rows

MAX_OVERFETCH = 4_000  # ineligible items up to which the index is asked for as many more; beyond, every eligible item is scored


class TwoTowerConfig(SourceConfig):
    """The two towers' nearest items."""

    part: Literal["two_tower"] = "two_tower"

    def build(self, now: Snapshot) -> TwoTowerSource:
        return TwoTowerSource(now, self.k)

    def waits(self, now: Snapshot) -> bool:
        return not now.index.in_process


class TwoTowerSource:
    """The k eligible items nearest to the user's vector; nothing for a user without a vector.

    The index knows nothing of what is eligible. It is asked for as many more items as are not; where that would be most of the
    catalogue (a narrow genre, a large part hidden), the eligible items are scored one by one instead, so that a constraint never
    costs an item that meets it.
    """

    name = "two_tower"

    def __init__(self, now: Snapshot, k: int) -> None:
        self._now = now
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are inner products. Raises DependencyUnavailable."""
        vector = self._vector(query)
        if vector is None:
            return Fetched.nothing()
        ineligible = len(eligible) - int(np.count_nonzero(eligible))
        if ineligible > MAX_OVERFETCH:
            return self._among(np.flatnonzero(eligible), vector)
        try:
            ids, scores = self._now.index.search(self._now.name, vector, min(self._k + ineligible, len(eligible)))
        except NotFound as error:  # the collection was dropped: no fault of the request
            raise DependencyUnavailable("vector index", error.detail, "run `marquee index publish`") from error
        rows = self._now.catalogue.rows(ids)
        kept = np.flatnonzero((rows >= 0) & eligible[rows])[: self._k]
        return Fetched(rows[kept], scores[kept], spread=self._now.release.spread_of(vector))

    def _among(self, rows: NDArray[np.intp], vector: NDArray[np.float32]) -> Fetched:
        scores = self._now.item_vectors[rows] @ vector
        best = top_rows(scores, self._k)
        return Fetched(rows[best], scores[best], spread=self._now.release.spread_of(vector))

    def _vector(self, query: Query) -> NDArray[np.float32] | None:
        if query.user_vector is not None:
            return query.user_vector
        return None if query.user is None else self._now.encoder.encode(query.user)
