"""Source: items similar to what the user liked last."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ranking.unit_vectors import unit
from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query
from recommender.tastes import liked_rows
from retrieval.adapters.mirror import top_rows


class SimilarConfig(SourceConfig):
    """The items nearest to one of the user's latest likes: a list for several tastes, where the user vector is their middle."""

    blocks: ClassVar[bool] = False
    part: Literal["similar"] = "similar"
    weight: float | None = 0.0
    likes: int = Field(5, ge=1, le=50, description="latest likes that are looked at")

    def build(self, now: Snapshot) -> SimilarSource:
        return SimilarSource(now, self.k, self.likes)


class SimilarSource:
    """The k eligible items with the highest cosine to the nearest of the latest likes; nothing for a user without likes."""

    name = "similar"

    def __init__(self, now: Snapshot, k: int, likes: int) -> None:
        self._catalogue = now.catalogue
        self._vectors = unit(now.item_vectors)
        self._k = k
        self._likes = likes

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are cosines."""
        liked = liked_rows(query.user, self._catalogue)[-self._likes :]
        if not len(liked):
            return Fetched.nothing()
        cosines = (self._vectors @ self._vectors[liked].T).max(axis=1)
        found = np.flatnonzero(eligible)
        best = found[top_rows(cosines[found], self._k)]
        return Fetched(best, cosines[best], spread=float(cosines.std()))
