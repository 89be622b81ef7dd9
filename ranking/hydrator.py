"""Attaches the ranker's features to what retrieval found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.pipeline import Candidates, Query
from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features


class FeatureHydrator:
    """Candidate features of one release, for the first source's candidates; those that only fill up get zeros."""

    name = "candidate_features"

    def __init__(self, catalogue: Catalogue, stats: ItemStats, item_vectors: NDArray[np.float32]) -> None:
        self._catalogue = catalogue
        self._stats = stats
        self._vectors = item_vectors

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        found = candidates.origin == 0
        features = np.zeros((len(candidates), len(CANDIDATE_FEATURES)), dtype=np.float32)
        features[found] = candidate_features(
            query.user, candidates.rows[found], candidates.scores[found], self._catalogue, self._stats, self._vectors
        )
        return replace(candidates, features=features)
