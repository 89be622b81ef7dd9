"""Selector: a contextual bandit over ranking features, which learns online what is accepted."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.catalogue import Catalogue
from ranking.linear_bandit import Posterior, contexts_of
from ranking.policies import ensemble
from recommender.candidates import Candidates
from recommender.drawn_from import Reach
from recommender.parts.selectors import CappedSelector, SelectorConfig, new_items, selection
from recommender.roles import Query, Selection

Contexts = NDArray[np.float32]  # [pool, d]


class LinearBanditConfig(SelectorConfig):
    """By weights of ranking features that the consumer learns from what was shown and accepted (`ranking.linear_bandit`)."""

    part: Literal["linear_bandit"] = "linear_bandit"
    by: Literal["thompson", "upper_bound"] = Field("thompson", description="Thompson sampling, or LinUCB")
    models: int = Field(200, ge=1, le=10_000, description="draws from the posterior: propensities are multiples of 1 / models")
    width: float = Field(1.0, ge=0, le=100, description="how much wider than the posterior it explores; alpha of LinUCB")
    floor: float = Field(0.05, gt=0, lt=1, description="probability that a position is drawn evenly from the pool")
    pool: int = Field(50, ge=1, le=1000, description="positions draw from this many best candidates")
    new_rate: float = Field(
        0.025, ge=0, lt=1, description="probability that a position goes to what the source new_items found, while it finds any"
    )

    @property
    def _pooled(self) -> int:
        return self.pool

    def selector(self, catalogue: Catalogue | None, posterior: Posterior) -> LinearBanditSelector:
        return LinearBanditSelector(self, catalogue, posterior)


class LinearBanditSelector(CappedSelector):
    """`ranking.policies.ensemble` with models of `ranking.linear_bandit`."""

    name = "linear_bandit"

    def __init__(self, config: LinearBanditConfig, catalogue: Catalogue | None, posterior: Posterior) -> None:
        super().__init__(config.caps, catalogue)
        self._config = config
        self._posterior = posterior

    def select(self, query: Query, candidates: Candidates) -> Selection:
        config, k, contexts = self._config, query.page.end, self._contexts(candidates)
        new, caps = new_items(candidates, config.new_rate), self._caps(candidates)
        votes = self._votes(contexts)
        choice = ensemble.choose(candidates.scores, k, votes, config.floor, config.pool, query.seed, new, caps)
        return selection(candidates, choice, Reach(candidates, config.reach(k), contexts, self._posterior))

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        config, index = self._config, candidates.index(rows)
        new, caps = new_items(candidates, config.new_rate), self._caps(candidates)
        votes = self._votes(self._contexts(candidates))
        return ensemble.propensities(candidates.scores, index, votes, config.floor, config.pool, new, caps)

    def _contexts(self, candidates: Candidates) -> Contexts:
        """As they were stored, where a list is drawn again."""
        if candidates.contexts is not None:
            return candidates.contexts
        features = candidates.features
        return contexts_of(candidates.scores, features.values, features.names, self._config.pool)

    def _votes(self, contexts: Contexts) -> NDArray[np.float64]:
        if self._config.by == "upper_bound":
            return self._posterior.upper(contexts, self._config.width)
        return self._posterior.thompson(contexts, self._config.models, self._config.width)
