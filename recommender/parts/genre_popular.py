"""Source: what is popular in the genres that the user likes."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ranking.candidate_features import affinity
from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query
from retrieval.adapters.mirror import top_rows


class GenrePopularConfig(SourceConfig):
    """The most popular items, weighed by the user's genres; nothing without genres."""

    blocks: ClassVar[bool] = False
    part: Literal["genre_popular"] = "genre_popular"
    weight: float | None = 0.0

    def build(self, now: Snapshot) -> GenrePopularSource:
        return GenrePopularSource(now, self.k)


class GenrePopularSource:
    """The k eligible items with the highest product of recent popularity and the mean affinity with their genres."""

    name = "genre_popular"

    def __init__(self, now: Snapshot, k: int) -> None:
        genres = now.catalogue.genres
        self._catalogue = now.catalogue
        self._shares = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1.0) * np.log1p(now.stats.recent)[:, None]
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are log(1 + recent popularity) times affinity."""
        if query.user is None or not (tastes := affinity(query.user, self._catalogue)).any():
            return Fetched.nothing()
        scores = np.asarray(self._shares @ tastes, dtype=np.float32)
        found = np.flatnonzero((scores > 0) & eligible)
        best = found[top_rows(scores[found], self._k)]
        return Fetched(best, scores[best], spread=float(scores.std()))
