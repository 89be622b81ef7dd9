"""Hydrator: the ranker's features of each candidate."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.source_features import SourceOrder
from recommender.candidates import Candidates, Floats
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.parts.scorers import in_sources_order
from recommender.roles import Query


class CandidateFeaturesConfig(PartConfig):
    """What `ranking.candidate_features` computes."""

    part: Literal["candidate_features"] = "candidate_features"
    max_ranked: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="so many candidates have features and are ordered by a ranker, the best by the sources' own order, "
        "which those behind them keep; all if left out",
    )

    def build(self, now: Snapshot) -> CandidateFeatures:
        return CandidateFeatures(now, self.max_ranked)


class CandidateFeatures:
    """Features of the candidates that are ranked; all others, and those that only fill up, get zeros."""

    name = "candidate_features"

    def __init__(self, now: Snapshot, max_ranked: int | None = None) -> None:
        self._now = now
        self._max_ranked = max_ranked
        self._in_order = in_sources_order(now)

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        now, primary = self._now, candidates.primary
        order = self._in_order.together(query, candidates)
        if self._max_ranked is not None and np.count_nonzero(primary) > self._max_ranked:
            scores = np.where(primary, order, candidates.scores)
            candidates = replace(candidates, scores=scores, chosen=_best(order, primary, self._max_ranked))
        ranked = candidates.ranked
        values = np.zeros((len(candidates), len(CANDIDATE_FEATURES)), dtype=np.float32)
        if ranked.any():
            values[ranked] = candidate_features(
                query.user,
                candidates.rows[ranked],
                _of_sources(candidates, order, ranked),
                now.catalogue,
                now.stats,
                now.item_vectors,
                query.now,
            )
        return candidates.with_features(CANDIDATE_FEATURES, values)


def _best(order: Floats, primary: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """The n highest of those that are primary, the first of equal ones first. [len(order)]"""
    places = np.flatnonzero(primary)
    best = np.zeros(len(order), dtype=np.bool_)
    best[places[np.argsort(-order[places], kind="stable")[:n]]] = True
    return best


def _of_sources(candidates: Candidates, order: Floats, ranked: NDArray[np.bool_]) -> SourceOrder:
    names = candidates.primary_sources
    return SourceOrder(
        scores={name: candidates.scores_of(name)[ranked] for name in names},
        standard={name: candidates.standard_scores_of(name)[ranked] for name in names},
        blended=order[ranked],
    )
