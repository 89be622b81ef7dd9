"""Scorers: the learned ranker, the sources' own order, and whichever of the two the release was judged to be better with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranking.ranker import Ranker
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.roles import Query, Scorer

RANK_CONSTANT = 60.0  # of reciprocal rank fusion, as in its paper


class LambdaMartConfig(PartConfig):
    """Order by the release's ranker."""

    part: Literal["lambdamart"] = "lambdamart"

    def build(self, now: Snapshot) -> Scorer:
        return RankScorer(now.ranker)


class RetrievalConfig(PartConfig):
    """Order by the sources' own scores."""

    part: Literal["retrieval"] = "retrieval"

    def build(self, now: Snapshot) -> Scorer:
        return RetrievalScorer(now.release.blend)


class ReleaseConfig(PartConfig):
    """Order by the scorer that won on held-out events when the release was built."""

    part: Literal["release"] = "release"

    def build(self, now: Snapshot) -> Scorer:
        return RankScorer(now.ranker) if now.release.ranks else RetrievalScorer(now.release.blend)


class RankScorer:
    """Orders the primary candidates by the ranker; those that only fill up come behind."""

    name = "lambdamart"

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:  # noqa: ARG002 - the role's signature
        scores, primary = candidates.scores.copy(), candidates.primary
        if primary.any():
            scores[primary] = self._ranker.score(candidates.features.matrix(self._ranker.names)[primary])
        return behind(scores, primary)


class RetrievalScorer:
    """The sources' own order: what to use while the ranker does not beat it.

    Scores of different sources do not compare as they are. The release's `blend` gives the weight of each source's scores, in
    units of their spread over the catalogue, as chosen on held-out events. Where a primary source that found something has no
    weight there, ranks are fused instead (reciprocal rank fusion; Cormack, Clarke and Buettcher, SIGIR 2009).
    """

    name = "retrieval"

    def __init__(self, blend: Mapping[str, float] | None = None) -> None:
        """`blend`: weight by source."""
        self._blend = blend or {}

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:  # noqa: ARG002 - the role's signature
        primary = candidates.primary
        table = candidates.primary_scores[primary]
        used = [column for column in range(table.shape[1]) if not np.isnan(table[:, column]).all()]
        scores = candidates.scores.copy()
        if len(used) > 1:
            names = [name for name in candidates.sources if name not in candidates.filling]
            blended = [names[column] for column in used]
            if all(name in self._blend for name in blended):
                parts = [self._blend[name] * candidates.standard_scores_of(name)[primary] for name in blended]
                scores[primary] = np.sum(parts, axis=0)
            else:
                scores[primary] = sum(_reciprocal_ranks(table[:, column]) for column in used)
        return behind(scores, primary)


def _reciprocal_ranks(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (60 + rank) for each score [n], 0 where there is none."""
    found = np.flatnonzero(~np.isnan(scores))
    out = np.zeros(len(scores), dtype=np.float32)
    out[found[np.argsort(-scores[found], kind="stable")]] = 1.0 / (RANK_CONSTANT + np.arange(1, len(found) + 1))
    return out


def behind(scores: NDArray[np.float32], primary: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Scores [n] with those of the others moved below every primary one, in their own order: the scales do not compare."""
    if primary.all() or not primary.any():
        return scores
    others = ~primary
    lift = float(scores[primary].min()) - float(scores[others].max()) - 1.0
    scores[others] += np.float32(min(lift, 0.0))
    return scores
