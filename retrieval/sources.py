"""Where candidates come from: the two towers' nearest items for users with a history, and what is popular now for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.pipeline import Query
from core.ports import VectorIndex
from retrieval.encoder import UserEncoder

Fetched = tuple[NDArray[np.intp], NDArray[np.float32]]


class TwoTowerSource:
    """The k items nearest to the user's vector that the user has not consumed; nothing for a user without a vector.

    It asks for as many more as the user has consumed, so that k stay after those are taken out. They are taken out
    here: the ranker's work must not grow with a user's history.
    """

    name = "two_tower"

    def __init__(self, index: VectorIndex, encoder: UserEncoder, catalogue: Catalogue, release: str, k: int) -> None:
        """`encoder`, `catalogue` and `release` are of one bundle: vectors of different releases do not compare."""
        self._index = index
        self._encoder = encoder
        self._catalogue = catalogue
        self._release = release
        self._k = k

    def fetch(self, query: Query) -> Fetched:
        """Scores are inner products. Raises DependencyUnavailable."""
        vector = self._vector(query)
        if vector is None:
            return _nothing()
        k = max(self._k, query.k)
        consumed = query.consumed_rows(self._catalogue)
        ids, scores = self._index.search(self._release, vector, min(k + len(consumed), len(self._catalogue)))
        rows = self._catalogue.rows(ids)
        fresh = np.flatnonzero((rows >= 0) & ~np.isin(rows, consumed))[:k]
        return rows[fresh], scores[fresh]

    def _vector(self, query: Query) -> NDArray[np.float32] | None:
        if query.user_vector is not None:
            return query.user_vector
        return None if query.user is None else self._encoder.encode(query.user)


class PopularSource:
    """The k most popular items of late that the user has not consumed; works for a user never seen."""

    name = "popular"

    def __init__(self, stats: ItemStats, catalogue: Catalogue, k: int) -> None:
        self._catalogue = catalogue
        self._k = k
        self._rows = stats.popular_rows(len(catalogue))
        self._scores = stats.recent[self._rows].astype(np.float32)

    def fetch(self, query: Query) -> Fetched:
        """Scores are time-decayed interaction counts."""
        k = max(self._k, query.k)
        consumed = query.consumed_rows(self._catalogue)
        top = slice(k + len(consumed))
        fresh = np.flatnonzero(~np.isin(self._rows[top], consumed))[:k]
        return self._rows[fresh], self._scores[fresh]


def _nothing() -> Fetched:
    return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
