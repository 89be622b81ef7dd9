"""Source: new items that still have impressions to get before anybody can say whether they are good."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ranking.policies.impression_budget import is_decided
from ranking.unit_vectors import unit
from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query

RECENT = 10  # latest items of a history that say what the user likes


class EndConfig(BaseModel):
    """When so much is known of a new item that it needs no more impressions (`ranking.policies.impression_budget`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    confidence: float = Field(
        0.8, gt=0, lt=1, description="of the interval of its acceptance that lies on one side of the mean of the new items"
    )
    min_impressions: int = Field(20, ge=1, le=1_000_000, description="impressions that it gets at least")


class NewItemsConfig(SourceConfig):
    """Items without an event when the release was built, until they were shown often enough; for exploration, so they fill up."""

    blocks: ClassVar[bool] = False
    part: Literal["new_items"] = "new_items"
    k: int = Field(20, ge=1, le=10_000, description="items at a time; those that were shown most come first, until they are done")
    fills: bool = True
    budget: int = Field(100, ge=1, le=1_000_000, description="impressions that each new item gets at most")
    end: EndConfig | None = Field(
        None, exclude_if=lambda end: end is None, description="an end before that, when enough is known of it; never if left out"
    )

    def build(self, now: Snapshot) -> NewItemsSource:
        return NewItemsSource(now, self.k, self.budget, self.end)


class NewItemsSource:
    """The k eligible new items that are nearest to the end of their budget, by how well their content fits the user.

    Which ones they are does not depend on the user, so that a selector that draws among them knows every probability. The release
    places a new item by its content (`retrieval.new_items`), so the fit is its cosine to what the user took up last.
    """

    name = "new_items"

    def __init__(self, now: Snapshot, k: int, budget: int, end: EndConfig | None = None) -> None:
        shown = now.stats.impressions
        open_ = (now.release.stats.n_events == 0) & (shown < budget)
        if end is not None:
            open_ &= ~_done(now, end)
        waiting = np.flatnonzero(open_)[::-1]  # the latest keys first
        self._rows = waiting[np.argsort(-shown[waiting], kind="stable")]
        self._now = now
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are fits, at most 0, so that these items come behind others that fill up."""
        rows = self._rows[eligible[self._rows]][: self._k]
        if not len(rows):
            return Fetched.nothing()
        fit = self._fit(query, rows)
        order = np.argsort(-fit, kind="stable")
        return Fetched(rows[order], (fit - np.float32(1.0))[order])

    def _fit(self, query: Query, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Cosine [m] of items and the user's latest ones; zeros without any."""
        vectors = self._now.item_vectors
        past = np.empty(0, np.intp) if query.user is None else self._now.catalogue.known_rows(query.user.item_ids[-RECENT:])
        if not len(past):
            return np.zeros(len(rows), dtype=np.float32)
        taste = unit(unit(vectors[past]).mean(axis=0, keepdims=True))[0]
        return np.asarray(unit(vectors[rows]) @ taste, dtype=np.float32)


def _done(now: Snapshot, end: EndConfig) -> NDArray[np.bool_]:
    """Of which items [n] enough is known, measured by new items alone: these stand lower in lists than others."""
    shown, answers, new = now.stats.impressions, now.stats.answers, now.release.stats.n_events == 0
    mean = float(answers[new].sum() / max(float(shown[new].sum()), 1.0))
    return is_decided(shown, answers, mean, end.confidence, end.min_impressions)
