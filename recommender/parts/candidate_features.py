"""Hydrator: the ranker's features of each candidate."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.roles import Query

RETRIEVAL = "two_tower"  # the source whose score is a feature of every candidate
COUNTED = ("transitions", "ease")  # and those whose votes are


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

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        now, primary = self._now, candidates.primary
        values = np.zeros((len(candidates), len(CANDIDATE_FEATURES)), dtype=np.float32)
        values[primary] = candidate_features(
            query.user,
            candidates.rows[primary],
            candidates.filled_scores_of(RETRIEVAL)[primary],
            now.catalogue,
            now.stats,
            now.item_vectors,
            {source: np.nan_to_num(candidates.scores_of(source), nan=0.0)[primary] for source in COUNTED},
        )
        return candidates.with_features(CANDIDATE_FEATURES, values)
