"""The recent part of the lake that a check examines."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.errors import NotFound
from datasets.splits import in_time_order
from evaluation.acceptance import ATTRIBUTION_SECONDS, Acceptance, acceptance
from lake import tables
from lake.ports import Lake


@dataclass(frozen=True, eq=False)
class Window:
    """The newest interactions in time order, and the acceptance of the newest lists."""

    interactions: pl.DataFrame
    acceptance: Acceptance | None  # None when no list was shown

    @property
    def users(self) -> int:
        return self.interactions[c.USER].n_unique()


def recent_window(lake: Lake, rows: int, attribution: float = ATTRIBUTION_SECONDS) -> Window:
    """The newest `rows` interactions and impressions. Raises NotFound when nothing was ever written.

    A list that was shown seconds ago counts as not answered yet, so the rate is a little low while traffic grows.
    """
    interactions = lake.read(tables.INTERACTIONS)
    try:
        impressions = lake.read(tables.IMPRESSIONS).top_k(rows, by=c.TS)
    except NotFound:
        impressions = pl.DataFrame(schema=tables.SCHEMAS[tables.IMPRESSIONS])
    return Window(in_time_order(interactions.top_k(rows, by=c.TS)), acceptance(impressions, interactions, attribution))
