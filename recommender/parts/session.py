"""Scorer: what somebody looked at in this session and did not take up is moved down, a step for each view or click."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from core.catalogue import Catalogue
from core.kinds import LOOKS, codes
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.parts.scale import Scores, raised
from recommender.roles import Query

LOOKED = codes(LOOKS)


class SessionConfig(PartConfig):
    """Views and clicks age an item within a session."""

    part: Literal["session"] = "session"
    minutes: float = Field(30.0, gt=0, le=10_080, description="how long a look counts")
    demote: float = Field(0.5, gt=0, le=100, description="for each look, in standard deviations of the candidates' scores")

    def build(self, now: Snapshot) -> SessionScorer:
        return SessionScorer(now.catalogue, self.minutes * 60.0, self.demote)


class SessionScorer:
    """Reads the user's history, which holds views and clicks. A consumed item is left to the filter `seen`."""

    name = "session"

    def __init__(self, catalogue: Catalogue, seconds: float, demote: float) -> None:
        self._catalogue = catalogue
        self._seconds = seconds
        self._demote = demote

    def score(self, query: Query, candidates: Candidates) -> Scores:
        user = query.user
        if user is None:
            return candidates.scores
        looked = np.isin(user.kinds, LOOKED) & (user.times > query.now - self._seconds) & (user.times <= query.now)
        if not looked.any():
            return candidates.scores
        looks = np.zeros(len(self._catalogue), dtype=np.float32)
        np.add.at(looks, self._catalogue.known_rows(user.item_ids[looked]), 1.0)
        return raised(candidates, -self._demote * looks[candidates.rows])
