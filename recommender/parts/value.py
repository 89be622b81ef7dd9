"""Scorer: expected value, which is engagement minus what showing and playing an item costs."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core import columns as c
from core.item_facts import ItemFacts
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.allowed import of_catalogue
from recommender.parts.part import PartConfig
from recommender.parts.scale import Scores, raised
from recommender.roles import Query


class ValueConfig(PartConfig):
    """Engagement, in standard deviations of the candidates' scores, minus `weight` for each unit of cost."""

    part: Literal["value"] = "value"
    weight: float = Field(ge=0, le=1e6, description="standard deviations of the scores that one unit of cost is worth")
    unknown_cost: float = Field(0.0, ge=0, le=1e9, description="licence cost of an item without one")
    hour_cost: float = Field(0.0, ge=0, le=1e9, description="of serving an hour of play; an item of unknown runtime has none")

    def build(self, now: Snapshot) -> ValueScorer:
        costs = costs_of(now.facts, self.unknown_cost, self.hour_cost)
        return ValueScorer(np.asarray(of_catalogue(now, costs), dtype=np.float64), self.weight)


class ValueScorer:
    """Orders by engagement minus weighted cost."""

    name = "value"

    def __init__(self, costs: NDArray[np.float64], weight: float) -> None:
        """`costs` [n] over the release's rows."""
        self._costs = costs
        self._weight = weight

    def score(self, query: Query, candidates: Candidates) -> Scores:  # noqa: ARG002 - the role's signature
        return raised(candidates, -self._weight * self._costs[candidates.rows])


def costs_of(facts: ItemFacts, unknown_cost: float, hour_cost: float) -> NDArray[np.float64]:
    """Of licence and serving for each item of the facts [m]."""
    licence, hours = facts.number(c.COST), facts.number(c.RUNTIME) / 60.0
    return np.asarray(np.where(np.isnan(licence), unknown_cost, licence) + hour_cost * np.nan_to_num(hours), dtype=np.float64)
