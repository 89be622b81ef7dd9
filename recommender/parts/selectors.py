"""Selectors: an exploration policy of `ranking.policies` over the candidates of a pipeline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ranking.policies import epsilon, greedy
from ranking.policies.choice import Choice
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.roles import Query, Selection


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

    def build(self, now: Snapshot) -> EpsilonSelector:  # noqa: ARG002
        return EpsilonSelector(self.epsilon, self.pool)


class GreedySelector:
    """`ranking.policies.greedy`."""

    name = "greedy"

    def select(self, query: Query, candidates: Candidates) -> Selection:
        return selection(candidates, greedy.choose(candidates.scores, query.page.end))


class EpsilonSelector:
    """`ranking.policies.epsilon`, drawing by the query's seed."""

    name = "epsilon"

    def __init__(self, epsilon: float, pool: int) -> None:
        self._epsilon = epsilon
        self._pool = pool

    def select(self, query: Query, candidates: Candidates) -> Selection:
        choice = epsilon.choose(candidates.scores, query.page.end, self._epsilon, self._pool, query.seed)
        return selection(candidates, choice)


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
