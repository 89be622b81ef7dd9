"""Scorers that rerank: the best candidates in an order that is also diverse, by item vectors or by genres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ranking.diversity import Order, cosines, determinantal, maximal_marginal_relevance
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.parts.scale import Scale, Scores, reordered
from recommender.roles import Query

By = Literal["vectors", "genres"]
Vectors = NDArray[np.float32]


class DiverseConfig(PartConfig):
    """What both rerankers can be told."""

    by: By = Field("vectors", description="what makes two items similar: the release's item vectors, or the genres it learned")
    depth: int = Field(100, ge=2, le=1000, description="how many of the best candidates are reranked; the others stay behind")

    def vectors(self, now: Snapshot) -> Vectors:
        """What items are compared by [n, d]."""
        return now.item_vectors if self.by == "vectors" else now.catalogue.genres


class MmrConfig(DiverseConfig):
    """Maximal marginal relevance."""

    part: Literal["mmr"] = "mmr"
    trade_off: float = Field(0.7, ge=0, le=1, description="1 is relevance alone, 0 diversity alone")

    def build(self, now: Snapshot) -> DiverseScorer:
        return DiverseScorer(
            self.part,
            self.vectors(now),
            self.depth,
            lambda relevance, similarity: maximal_marginal_relevance(relevance, similarity, self.trade_off),
        )


class DppConfig(DiverseConfig):
    """A determinantal point process: what is diverse as a whole, not only in pairs."""

    part: Literal["dpp"] = "dpp"
    theta: float = Field(0.7, ge=0, le=0.99, description="towards 1 relevance counts more, 0 is diversity alone")

    def build(self, now: Snapshot) -> DiverseScorer:
        return DiverseScorer(
            self.part,
            self.vectors(now),
            self.depth,
            # cosines moved to 0 .. 1, as in the paper
            lambda relevance, similarity: determinantal(relevance, (1.0 + similarity) / 2.0, self.theta),
        )


class DiverseScorer:
    """Gives the scores of the best candidates out again, in an order that is also diverse.

    The order does not depend on the page, so that a longer list begins with the shorter one.
    """

    def __init__(self, name: str, vectors: Vectors, depth: int, order: Callable[[Vectors, Vectors], Order]) -> None:
        """`vectors` [n, d] over the release's rows; `order` of relevance [m] from 0 to 1 and similarity [m, m]."""
        self.name = name
        self._vectors = vectors
        self._depth = depth
        self._order = order

    def score(self, query: Query, candidates: Candidates) -> Scores:  # noqa: ARG002 - the role's signature
        best = np.argsort(-candidates.scores, kind="stable")[: self._depth]
        if len(best) < 2:
            return candidates.scores
        scores = candidates.scores[best]
        lowest = min(max(float(scores[-1]), Scale.of(candidates).lowest), float(scores[0]))  # what only fills up has relevance 0
        relevance = np.maximum(scores - lowest, 0.0) / max(float(scores[0]) - lowest, 1e-9)
        order = self._order(relevance.astype(np.float32), cosines(self._vectors[candidates.rows[best]]))
        return reordered(candidates, best[order])
