"""Source: what was released last."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query
from retrieval.adapters.mirror import top_rows

_POPULAR = 0.5  # less than a year: popularity orders the items of a year, and never puts an older one before them


class NewReleasesConfig(SourceConfig):
    """Items of the newest years, the most popular of a year first; nothing on a catalogue without years."""

    blocks: ClassVar[bool] = False
    part: Literal["new_releases"] = "new_releases"
    fills: bool = True
    years: int = Field(2, ge=1, le=100, description="how many years count as new, up to the newest of the catalogue")

    def build(self, now: Snapshot) -> NewReleasesSource:
        return NewReleasesSource(now, self.k, self.years)


class NewReleasesSource:
    """The k newest eligible items."""

    name = "new_releases"

    def __init__(self, now: Snapshot, k: int, years: int) -> None:
        of, recent = now.catalogue.years, now.stats.recent
        newest = float(of.max()) if len(of) else 0.0
        self._rows = np.flatnonzero((of > 0) & (of > newest - years))
        popular = recent / max(float(recent.max(initial=0.0)), 1e-9)
        self._scores = (of - newest + _POPULAR * popular)[self._rows].astype(np.float32)
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:  # noqa: ARG002 - the role's signature
        """Scores are years, 0 for the newest of the catalogue, and at most half a year for popularity."""
        open_ = eligible[self._rows]
        rows, scores = self._rows[open_], self._scores[open_]
        best = top_rows(scores, self._k)
        return Fetched(rows[best], scores[best])
