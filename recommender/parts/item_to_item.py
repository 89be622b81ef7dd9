"""Sources: what the release's item-to-item tables make of a user's history."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query
from retrieval.adapters.mirror import top_rows
from retrieval.item_to_item import ItemToItem


class TransitionsConfig(SourceConfig):
    """What people took up soon after what this user took up last."""

    blocks: ClassVar[bool] = False
    part: Literal["transitions"] = "transitions"

    def build(self, now: Snapshot) -> ItemToItemSource:
        return ItemToItemSource(self.part, now.transitions, now, self.k)


class EaseSourceConfig(SourceConfig):
    """What goes with everything that this user took up."""

    blocks: ClassVar[bool] = False
    part: Literal["ease"] = "ease"

    def build(self, now: Snapshot) -> ItemToItemSource:
        return ItemToItemSource(self.part, now.release.ease, now, self.k)


class ItemToItemSource:
    """The k eligible items with the most votes of the user's history; nothing of a release without that table."""

    def __init__(self, name: str, table: ItemToItem | None, now: Snapshot, k: int) -> None:
        self.name = name
        self._table = table
        self._catalogue = now.catalogue
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are votes (`retrieval.item_to_item`)."""
        if self._table is None:
            return Fetched.nothing()
        votes = self._table.scores(query.user, self._catalogue)
        spread = float(votes.std())
        found = np.flatnonzero((votes > 0) & eligible)
        best = found[top_rows(votes[found], self._k)]
        return Fetched(best, votes[best], spread=spread)
