"""Scorers: the learned ranker, the sources' own order, and whichever of the two the release was judged to be better with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranking.mlp import MlpRanker
from ranking.ranker import Ranker
from ranking.source_features import reciprocal_ranks
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.parts.popular import POPULAR
from recommender.roles import Query, Scorer
from retrieval.popularity_prior import PopularityWeight, priors

LAMBDAMART, MLP = "lambdamart", "mlp"
RANK_CONSTANT = 60.0  # of reciprocal rank fusion, as in its paper
_AS_IT_IS = PopularityWeight(1.0)


class LambdaMartConfig(PartConfig):
    """Order by the release's ranker."""

    part: Literal["lambdamart"] = "lambdamart"

    def build(self, now: Snapshot) -> Scorer:
        return RankScorer(LAMBDAMART, now.ranker)


class MlpScorerConfig(PartConfig):
    """Order by the release's multilayer perceptron, which a build has to be asked for (`MARQUEE_MLP_RANKER`)."""

    part: Literal["mlp"] = "mlp"

    def build(self, now: Snapshot) -> Scorer:
        return RankScorer(MLP, now.mlp)


class RetrievalConfig(PartConfig):
    """Order by the sources' own scores."""

    part: Literal["retrieval"] = "retrieval"

    def build(self, now: Snapshot) -> Scorer:
        return in_sources_order(now)


class ReleaseConfig(PartConfig):
    """Order by the scorer that won on held-out events when the release was built."""

    part: Literal["release"] = "release"

    def build(self, now: Snapshot) -> Scorer:
        if now.release.scorer == MLP:
            return MlpScorerConfig().build(now)
        return LambdaMartConfig().build(now) if now.release.scorer == LAMBDAMART else in_sources_order(now)


def in_sources_order(now: Snapshot) -> RetrievalScorer:
    """The order that the scores of a release's sources give without a ranker."""
    weight = now.release.popularity
    return RetrievalScorer(now.release.blend, priors(now.stats)[weight.counted] if weight else None, weight)


class RankScorer:
    """Orders by a ranker what has features; other primary candidates come behind, and behind them what only fills up."""

    def __init__(self, name: str, ranker: Ranker | MlpRanker) -> None:
        self.name = name
        self._ranker = ranker

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:  # noqa: ARG002 - the role's signature
        scores, ranked = behind(candidates.scores.copy(), candidates.primary), candidates.ranked
        if ranked.any():
            scores[ranked] = self._ranker.score(candidates.features.matrix(self._ranker.names)[ranked])
        return behind(scores, ranked)

    def contributions(self, candidates: Candidates, at: NDArray[np.intp]) -> tuple[Sequence[str], NDArray[np.float32]]:
        """The names of the ranker's features, and how much of the score of candidates [m] comes from each [m, names]."""
        return self._ranker.names, self._ranker.contributions(candidates.features.matrix(self._ranker.names)[at])


class RetrievalScorer:
    """The sources' own order: what to use while the ranker does not beat it.

    Scores of different sources do not compare as they are. The release's `blend` gives the weight of each source's scores, in
    units of their spread over the catalogue, as chosen on held-out events; a policy can weigh a source that the release does not
    know. Where a primary source that found something has no weight at all, ranks are fused instead (reciprocal rank fusion;
    Cormack, Clarke and Buettcher, SIGIR 2009). Where popularity has a weight, what is popular is ordered with the rest instead of
    filling up behind it.
    """

    name = "retrieval"

    def __init__(
        self,
        blend: Mapping[str, float] | None = None,
        prior: NDArray[np.float32] | None = None,
        popularity: PopularityWeight = _AS_IT_IS,
    ) -> None:
        """`blend`: weight by source. `prior` [n]: the popularity of each catalogue row, and how much it weighs."""
        self._blend = blend or {}
        self._prior = prior
        self._popularity = popularity

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        scores, ordered = candidates.scores.copy(), candidates.primary
        used = _that_found(candidates)
        with_popular = bool(used) and self._prior is not None and self._weighted(used, candidates)
        if with_popular:
            ordered = ordered | ~np.isnan(candidates.scores_of(POPULAR))
        if with_popular or len(used) > 1:
            scores[ordered] = self.together(query, candidates)[ordered]
        return behind(scores, ordered)

    def together(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        """The score [n] that orders candidates, comparable from list to list; 0 where no primary source found anything."""
        used = _that_found(candidates)
        if not used:
            return np.zeros(len(candidates), dtype=np.float32)
        if self._weighted(used, candidates) or len(used) == 1:
            weights = {used[0]: 1.0, **candidates.weights, **self._blend}
            return self._blended({name: weights[name] for name in used}, query, candidates)
        ranks = [reciprocal_ranks(candidates.scores_of(name), RANK_CONSTANT) for name in used]
        return np.asarray(np.sum(ranks, axis=0), dtype=np.float32)

    def _weighted(self, used: Sequence[str], candidates: Candidates) -> bool:
        return all(name in self._blend or name in candidates.weights for name in used)

    def _blended(self, weights: Mapping[str, float], query: Query, candidates: Candidates) -> NDArray[np.float32]:
        parts = [weight * candidates.standard_scores_of(name) for name, weight in weights.items()]
        if self._prior is not None:
            n_events = len(query.user.item_ids) if query.user is not None else 0
            parts.append(self._popularity.after(n_events) * self._prior[candidates.rows])
        return np.asarray(np.sum(parts, axis=0), dtype=np.float32)


def _that_found(candidates: Candidates) -> list[str]:
    """The primary sources that found anything."""
    return [name for name in candidates.primary_sources if not np.isnan(candidates.scores_of(name)).all()]


def behind(scores: NDArray[np.float32], primary: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Scores [n] with those of the others moved below every primary one, in their own order: the scales do not compare."""
    if primary.all() or not primary.any():
        return scores
    others = ~primary
    lift = float(scores[primary].min()) - float(scores[others].max()) - 1.0
    scores[others] += np.float32(min(lift, 0.0))
    return scores
