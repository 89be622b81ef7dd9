"""Selectors: an exploration policy of `ranking.policies` over the candidates of a pipeline."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ranking.policies import epsilon, greedy
from ranking.policies.choice import Choice
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.roles import Query, Selection

NEW_ITEMS = "new_items"  # the source whose items exploration has to show
MAX_SPREADS = 2.0  # a fit counts up to so many spreads from the mean: the best is drawn at most 55 times as often as the worst


class GreedyConfig(PartConfig):
    """The best candidates, always."""

    part: Literal["greedy"] = "greedy"

    def build(self, now: Snapshot) -> GreedySelector:  # noqa: ARG002 - one signature for every part
        return GreedySelector()


class EpsilonConfig(PartConfig):
    """Mostly the best candidates."""

    part: Literal["epsilon"] = "epsilon"
    epsilon: float = Field(0.05, ge=0, lt=1, description="probability that a position explores")
    pool: int = Field(50, ge=1, le=10_000, description="exploration draws from this many best candidates")
    new_share: float = Field(
        0.5, ge=0, lt=1, description="share of the exploration for what the source new_items found, while it finds something"
    )

    def build(self, now: Snapshot) -> EpsilonSelector:  # noqa: ARG002
        return EpsilonSelector(self.epsilon, self.pool, self.new_share)


class GreedySelector:
    """`ranking.policies.greedy`."""

    name = "greedy"

    def select(self, query: Query, candidates: Candidates) -> Selection:
        return selection(candidates, greedy.choose(candidates.scores, query.page.end))

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        return greedy.propensities(candidates.scores, candidates.index(rows))


class EpsilonSelector:
    """`ranking.policies.epsilon`, drawing by the query's seed."""

    name = "epsilon"

    def __init__(self, epsilon: float, pool: int, new_share: float) -> None:
        self._epsilon = epsilon
        self._pool = pool
        self._new_share = new_share

    def select(self, query: Query, candidates: Candidates) -> Selection:
        new = self._new(candidates)
        choice = epsilon.choose(candidates.scores, query.page.end, self._epsilon, self._pool, query.seed, new)
        return selection(candidates, choice)

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        index = candidates.index(rows)
        return epsilon.propensities(candidates.scores, index, self._epsilon, self._pool, self._new(candidates))

    def _new(self, candidates: Candidates) -> epsilon.NewItems:
        """What the source `new_items` found, each by its fit: one that fits by a spread more is drawn e times as often."""
        fits = candidates.scores_of(NEW_ITEMS)
        index = np.flatnonzero(~np.isnan(fits))
        if not len(index) or not self._new_share:
            return epsilon.NOTHING_NEW
        fit = fits[index].astype(np.float64)
        spread = max(float(fit.std()), 1e-9)
        return epsilon.NewItems(index, np.exp(np.clip((fit - fit.mean()) / spread, -MAX_SPREADS, MAX_SPREADS)), self._new_share)


def selection(candidates: Candidates, choice: Choice) -> Selection:
    """The chosen candidates."""
    return Selection(
        rows=candidates.rows[choice.index],
        scores=candidates.scores[choice.index],
        propensities=choice.propensities,
        explored=choice.explored,
        sources=candidates.sources,
        found=candidates.found[choice.index],
    )
