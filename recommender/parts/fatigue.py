"""Filter and scorer: what was shown often and was not answered is dropped, or moved down."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.catalogue import Catalogue
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.parts.scale import Scores, raised
from recommender.roles import Eligible, Query

FATIGUE = "fatigue"


class FatigueConfig(PartConfig):
    """When somebody is tired of an item. Any event of theirs on it is an answer, and counting starts again."""

    part: Literal["fatigue"] = "fatigue"
    shown: int = Field(3, ge=1, le=100, description="impressions without an answer from which on it holds")
    window_hours: float = Field(24.0, gt=0, le=24 * 30, description="hours in which they are counted")


class FatigueFilterConfig(FatigueConfig):
    """Dropped, until the impressions are older than the window."""

    def build(self, now: Snapshot) -> FatigueFilter:
        return FatigueFilter(now.catalogue, self.shown, self.window_hours * 3600.0)


class FatigueScorerConfig(FatigueConfig):
    """Moved down by one step at `shown` impressions, by two at one more, and so on."""

    demote: float = Field(1.0, gt=0, le=100, description="a step, in standard deviations of the candidates' scores")

    def build(self, now: Snapshot) -> FatigueScorer:
        return FatigueScorer(now.catalogue, self.shown, self.window_hours * 3600.0, self.demote)


class FatigueFilter:
    """Drops what the user is tired of."""

    name = FATIGUE

    def __init__(self, catalogue: Catalogue, shown: int, seconds: float) -> None:
        self._catalogue = catalogue
        self._shown = shown
        self._seconds = seconds

    def narrow(self, query: Query, eligible: Eligible) -> None:
        counts = _counts(query, self._catalogue, self._seconds)
        if counts is not None:
            eligible[counts >= self._shown] = False


class FatigueScorer:
    """Moves what the user is tired of down."""

    name = FATIGUE

    def __init__(self, catalogue: Catalogue, shown: int, seconds: float, demote: float) -> None:
        self._catalogue = catalogue
        self._shown = shown
        self._seconds = seconds
        self._demote = demote

    def score(self, query: Query, candidates: Candidates) -> Scores:
        counts = _counts(query, self._catalogue, self._seconds)
        if counts is None:
            return candidates.scores
        steps = np.maximum(counts[candidates.rows] - self._shown + 1, 0)
        return raised(candidates, -self._demote * steps.astype(np.float64))


def _counts(query: Query, catalogue: Catalogue, seconds: float) -> NDArray[np.int64] | None:
    """Unanswered impressions by catalogue row [n]; None where there are no impressions."""
    if query.exposure is None or not len(query.exposure.keys):
        return None
    return query.exposure.unanswered(catalogue, query.user, query.now - seconds)
