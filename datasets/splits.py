"""Cuts through time. A cut is a point in time: only events before it may be learned from, not those at or after it."""

from __future__ import annotations

import numpy as np
import polars as pl

from core import columns as c
from core.ordering import chronological


def in_time_order(interactions: pl.DataFrame) -> pl.DataFrame:
    """Rows in order of time; ties are ordered by a fixed hash of (user, item)."""
    order = chronological(interactions[c.TS].to_numpy(), interactions[c.USER].to_numpy(), interactions[c.ITEM].to_numpy())
    return interactions[order]


def cutoff(interactions: pl.DataFrame, share: float) -> float:
    """The time (Unix seconds) before which `share` of the rows lie. Rows at exactly that time are after the cut."""
    times = np.sort(interactions[c.TS].to_numpy())
    return float(times[min(int(share * len(times)), len(times) - 1)])


def before(interactions: pl.DataFrame, time: float) -> pl.DataFrame:
    return interactions.filter(pl.col(c.TS) < time)


def between(interactions: pl.DataFrame, start: float, end: float) -> pl.DataFrame:
    return interactions.filter((pl.col(c.TS) >= start) & (pl.col(c.TS) < end))
