"""What is known about each item at one moment: how often, how recently and how well it was received."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.kinds import REFUSING, STARRED, STARS

HALF_LIFE_DAYS = 30.0
PRIOR_RATINGS = 10.0  # ratings of average height that every item starts with
DAY_SECONDS = 86_400.0

STATS_COLUMNS = (c.ITEM, c.KIND, c.VALUE, c.TS)  # of the lake's interactions, what the statistics read


class ItemRows(Protocol):
    """Items in rows: a release's catalogue, or what is known of items now."""

    def rows(self, ids: ArrayLike, /) -> NDArray[np.intp]:
        """The row of each key, -1 for one that is not there."""

    def __len__(self) -> int: ...


class ItemCounts:
    """Sums per catalogue row, to which interactions are added in any order and any portions: the one definition of `ItemStats`.

    `recent` weighs an event by 2^(-age / half-life). Age is counted from the latest event, not from the clock: a log that
    went quiet keeps its order of popularity instead of sinking to zero. `rating_mean` is the mean of stars with
    `PRIOR_RATINGS` ratings at the global mean added (Bayesian shrinkage; the middle of the scale where nobody rated).
    """

    def __init__(self, catalogue: ItemRows, half_life_days: float = HALF_LIFE_DAYS) -> None:
        self._catalogue = catalogue
        self._half_life = half_life_days * DAY_SECONDS
        self._events, self._recent, self._stars, self._ratings = (np.zeros(len(catalogue)) for _ in range(4))
        self._latest = 0.0  # Unix seconds of the latest event: what `_recent` is as of

    def add(self, rows: pl.DataFrame) -> None:
        """Count rows with `STATS_COLUMNS`; those of unknown items are left out."""
        at = self._catalogue.rows(rows[c.ITEM].to_numpy())
        rows, at = rows.filter(at >= 0), at[at >= 0]
        if not len(rows):
            return
        times = rows[c.TS].to_numpy()
        self._age(float(times.max()))
        wanted = ~rows[c.KIND].is_in(REFUSING).to_numpy()
        rated = (rows[c.KIND].is_in(STARRED) & rows[c.VALUE].is_not_null()).to_numpy()
        self._events += self._sum(at, np.ones(len(at)))
        self._recent += self._sum(at, np.exp2((times - self._latest) / self._half_life) * wanted)
        self._stars += self._sum(at[rated], rows[c.VALUE].to_numpy()[rated])
        self._ratings += self._sum(at[rated], np.ones(int(rated.sum())))

    def on(self, catalogue: ItemRows, keys: NDArray[np.int64]) -> ItemCounts:
        """The same counts on another catalogue; `keys` [n] are those of this one's rows. Items that are not in it are dropped."""
        at = catalogue.rows(keys)
        known = at >= 0
        other = ItemCounts(catalogue, self._half_life / DAY_SECONDS)
        other._latest = self._latest
        for name in ("_events", "_recent", "_stars", "_ratings"):
            getattr(other, name)[at[known]] = getattr(self, name)[known]
        return other

    def stats(self, as_of: float) -> ItemStats:
        """The statistics of what was added; `as_of` (Unix seconds) is later than all of it."""
        rated = self._ratings.sum()
        overall = self._stars.sum() / rated if rated else STARS.middle
        means = (self._stars + PRIOR_RATINGS * overall) / (self._ratings + PRIOR_RATINGS)
        return ItemStats(
            as_of=as_of,
            n_events=self._events.astype(np.float32),
            recent=self._recent.astype(np.float32),
            rating_mean=means.astype(np.float32),
        )

    def _age(self, latest: float) -> None:
        """Decay all earlier events to the time of a later one."""
        if latest > self._latest:
            self._recent *= np.exp2((self._latest - latest) / self._half_life)
            self._latest = latest

    def _sum(self, at: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(at, weights=weights, minlength=len(self._catalogue)).astype(np.float64, copy=False)


def item_stats(
    interactions: pl.DataFrame, catalogue: Catalogue, as_of: float, half_life_days: float = HALF_LIFE_DAYS
) -> ItemStats:
    """Statistics per catalogue row from the interactions before `as_of` (Unix seconds); later ones change nothing."""
    counts = ItemCounts(catalogue, half_life_days)
    counts.add(interactions.filter(pl.col(c.TS) < as_of))
    return counts.stats(as_of)
