"""Scorer: moves the candidates that a condition holds for up or down."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.condition import FEATURES, CandidateCondition, Where, of_candidates
from recommender.parts.part import PartConfig
from recommender.parts.scale import multiplied, raised
from recommender.roles import Query


class BoostConfig(PartConfig):
    """Higher, or lower with `multiply` below 1 or a negative `add`, than the scorers before it say."""

    part: Literal["boost"] = "boost"
    when: CandidateCondition = Field(description="a condition over items and candidate features")
    multiply: float | None = Field(None, ge=0, le=100, description="times the height of a score above the lowest candidate's")
    add: float | None = Field(None, ge=-100, le=100, description="in standard deviations of the candidates' scores")

    @model_validator(mode="after")
    def _one_of_the_two(self) -> BoostConfig:
        if (self.multiply is None) == (self.add is None):
            raise ValueError("either multiply or add")
        return self

    @property
    def features(self) -> frozenset[str]:
        """The candidate features that the condition reads."""
        return of_candidates(self.when).names & FEATURES

    def build(self, now: Snapshot) -> BoostScorer:
        return BoostScorer(Where(now, self.when), self.multiply, self.add or 0.0)


class BoostScorer:
    """Candidates for which the condition does not hold, or of which too much is unknown, keep their score."""

    name = "boost"

    def __init__(self, where: Where, multiply: float | None, add: float) -> None:
        self._where = where
        self._multiply = multiply
        self._add = add

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:  # noqa: ARG002 - the role's signature
        holds = self._where.holds(candidates)
        if self._multiply is None:
            return raised(candidates, np.where(holds, self._add, 0.0))
        return multiplied(candidates, np.where(holds, self._multiply, 1.0))
