"""Source: what people took up soon after what this user took up last."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query
from retrieval.adapters.mirror import top_rows


class TransitionsConfig(SourceConfig):
    """Item-to-item transitions, counted."""

    blocks: ClassVar[bool] = False
    part: Literal["transitions"] = "transitions"

    def build(self, now: Snapshot) -> TransitionsSource:
        return TransitionsSource(now, self.k)


class TransitionsSource:
    """The k eligible items with the most votes of the user's latest items; nothing of a release that has no transitions."""

    name = "transitions"

    def __init__(self, now: Snapshot, k: int) -> None:
        self._now = now
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are votes (`retrieval.transitions`)."""
        transitions = self._now.release.transitions
        if transitions is None:
            return Fetched.nothing()
        votes = transitions.scores(query.user, self._now.catalogue)
        spread = float(votes.std())
        found = np.flatnonzero((votes > 0) & eligible)
        best = found[top_rows(votes[found], self._k)]
        return Fetched(best, votes[best], spread=spread)
