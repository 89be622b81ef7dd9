"""Hydrator: the ranker's features of each candidate."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.source_features import SourceOrder
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.parts.scorers import in_sources_order
from recommender.roles import Query


class CandidateFeaturesConfig(PartConfig):
    """What `ranking.candidate_features` computes."""

    part: Literal["candidate_features"] = "candidate_features"

    def build(self, now: Snapshot) -> CandidateFeatures:
        return CandidateFeatures(now)


class CandidateFeatures:
    """Features of the primary candidates; those that only fill up are not ranked and get zeros."""

    name = "candidate_features"

    def __init__(self, now: Snapshot) -> None:
        self._now = now
        self._in_order = in_sources_order(now)

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        now, primary = self._now, candidates.primary
        values = np.zeros((len(candidates), len(CANDIDATE_FEATURES)), dtype=np.float32)
        if primary.any():
            values[primary] = candidate_features(
                query.user,
                candidates.rows[primary],
                self._order(query, candidates, primary),
                now.catalogue,
                now.stats,
                now.item_vectors,
                query.now,
            )
        return candidates.with_features(CANDIDATE_FEATURES, values)

    def _order(self, query: Query, candidates: Candidates, primary: NDArray[np.bool_]) -> SourceOrder:
        names = candidates.primary_sources
        return SourceOrder(
            scores={name: candidates.scores_of(name)[primary] for name in names},
            standard={name: candidates.standard_scores_of(name)[primary] for name in names},
            blended=self._in_order.together(query, candidates)[primary],
        )
