"""Scorer: what came lately is raised, by half as much after each half-life."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core import columns as c
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.allowed import of_catalogue
from recommender.parts.part import PartConfig
from recommender.parts.scale import Scores, raised
from recommender.roles import Query

DAY = 86_400.0
_YEAR = 365.2425 * DAY


class FreshnessConfig(PartConfig):
    """Raises new items; an item of unknown age keeps its score."""

    part: Literal["freshness"] = "freshness"
    half_life_days: float = Field(30.0, gt=0, le=36_500, description="days after which half of it is left")
    strength: float = Field(1.0, gt=0, le=100, description="for an item of today, in standard deviations of the scores")

    def build(self, now: Snapshot) -> FreshnessScorer:
        return FreshnessScorer(_came(now), self.half_life_days * DAY, self.strength)


class FreshnessScorer:
    """Adds strength x 2^(-age / half-life). An item's age is since `available_from`, else since the middle of its year."""

    name = "freshness"

    def __init__(self, came: NDArray[np.float64], half_life: float, strength: float) -> None:
        """`came` [n] in Unix seconds over the release's rows, minus infinity where it is unknown; `half_life` in seconds."""
        self._came = came
        self._half_life = half_life
        self._strength = strength

    def score(self, query: Query, candidates: Candidates) -> Scores:
        age = np.maximum(query.now - self._came[candidates.rows], 0.0)
        return raised(candidates, self._strength * np.exp2(-age / self._half_life))


def _came(now: Snapshot) -> NDArray[np.float64]:
    facts = now.facts
    middle = np.where(facts.years > 0, (facts.years - 1970 + 0.5) * _YEAR, -np.inf)
    from_ = facts.number(c.AVAILABLE_FROM)
    return np.asarray(of_catalogue(now, np.where(np.isnan(from_), middle, from_)), dtype=np.float64)
