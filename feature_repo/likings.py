"""Who likes what, as popularity counts it: each user once for an item, by the latest time; one hand makes nothing popular."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.kinds import REFUSING, STARRED, STARS

DAY_SECONDS = 86_400.0
PERIOD_DAYS = 30.0  # in which a user counts once for an item: the half-life of recent popularity
MAX_PAIRS = 4_000_000  # that are remembered: 48 MB


def liking() -> pl.Expr:
    """Whether an event speaks for its item: no refusal, and no stars below the middle of the scale."""
    bad = pl.col(c.KIND).is_in(STARRED) & (pl.col(c.VALUE) < STARS.middle).fill_null(False)
    return ~pl.col(c.KIND).is_in(REFUSING) & ~bad


class LatestLikings:
    """The latest day on which each user liked each item, within each period: twelve bytes for each pair, by a hash of both.

    What is remembered is bounded. After `PERIOD_DAYS` a liking of the same item counts again, and past `max_pairs` those that are
    oldest are forgotten: where so many people like so much, one hand moves nothing.
    """

    def __init__(self, max_pairs: int = MAX_PAIRS) -> None:
        self._max_pairs = max_pairs
        self._pairs = np.empty(0, np.uint64)  # ascending
        self._days = np.empty(0, np.float32)  # since 1970, exact to minutes: that is nothing beside a half-life of days

    def add(self, rows: pl.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
        """Take up events (user, item, time) that are likings, in any order.

        Which rows made a difference, one for each pair, and the days on which that user liked that item before (minus infinity
        for never) and does now. Shapes [m].
        """
        days = (rows[c.TS].to_numpy() / DAY_SECONDS).astype(np.float32)
        period = pl.Series("period", np.floor(days / PERIOD_DAYS).astype(np.int32))
        pairs = rows.select(c.USER, c.ITEM, period).hash_rows(seed=0).to_numpy()
        order = np.lexsort((days, pairs))
        latest = order[np.append(pairs[order][1:] != pairs[order][:-1], True)] if len(order) else order
        pairs, days = pairs[latest], days[latest]
        at = np.searchsorted(self._pairs, pairs)
        inside = np.minimum(at, max(len(self._pairs) - 1, 0))
        known = self._pairs[inside] == pairs if len(self._pairs) else np.zeros(len(pairs), np.bool_)
        before = np.full(len(pairs), -np.inf, np.float32)
        before[known] = self._days[inside[known]]
        self._days[at[known]] = np.maximum(before[known], days[known])
        self._pairs = np.insert(self._pairs, at[~known], pairs[~known])
        self._days = np.insert(self._days, at[~known], days[~known])
        self._forget()
        changed = days > before
        return latest[changed], before[changed].astype(np.float64), days[changed].astype(np.float64)

    def _forget(self) -> None:
        """The older half of what is too much."""
        if len(self._days) > self._max_pairs:
            kept = self._days > np.median(self._days)
            self._pairs, self._days = self._pairs[kept], self._days[kept]
