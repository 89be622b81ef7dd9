"""Item and trending statistics that events are added to as they come; the batch definition is `feature_repo.item_stats`."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.events import VALUE_RANGE, Kind
from feature_repo.item_stats import DAY_SECONDS, HALF_LIFE_DAYS, PRIOR_RATINGS

COLUMNS = (c.ITEM, c.KIND, c.VALUE, c.TS)
_HALF_LIFE = HALF_LIFE_DAYS * DAY_SECONDS
_STARRED = (Kind.RATING, Kind.REVIEW)
_REFUSING = (Kind.SKIP, Kind.WATCHLIST_REMOVE)


class ItemCounts:
    """Sums per catalogue row. Recent popularity is kept as of the latest event, which ages all others when it moves on."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._events, self._recent, self._stars, self._ratings = (np.zeros(len(catalogue)) for _ in range(4))
        self._latest = 0.0

    def add(self, rows: pl.DataFrame) -> None:
        """Count rows of the lake's interactions table (`COLUMNS`); those of unknown items are left out."""
        at = self._catalogue.rows(rows[c.ITEM].to_numpy())
        rows, at = rows.filter(at >= 0), at[at >= 0]
        if not len(rows):
            return
        times = rows[c.TS].to_numpy()
        self._age(float(times.max()))
        wanted = ~rows[c.KIND].is_in(_REFUSING).to_numpy()
        rated = (rows[c.KIND].is_in(_STARRED) & rows[c.VALUE].is_not_null()).to_numpy()
        self._events += self._sum(at, np.ones(len(at)))
        self._recent += self._sum(at, np.exp2((times - self._latest) / _HALF_LIFE) * wanted)
        self._stars += self._sum(at[rated], rows[c.VALUE].to_numpy()[rated])
        self._ratings += self._sum(at[rated], np.ones(int(rated.sum())))

    def stats(self, as_of: float) -> ItemStats:
        """The statistics now; `as_of` in Unix seconds is later than everything counted."""
        low, high, _ = VALUE_RANGE[Kind.RATING]
        rated = self._ratings.sum()
        overall = self._stars.sum() / rated if rated else (low + high) / 2
        means = (self._stars + PRIOR_RATINGS * overall) / (self._ratings + PRIOR_RATINGS)
        return ItemStats(
            as_of=as_of,
            n_events=self._events.astype(np.float32),
            recent=self._recent.astype(np.float32),
            rating_mean=means.astype(np.float32),
        )

    def _age(self, latest: float) -> None:
        if latest > self._latest:
            self._recent *= np.exp2((self._latest - latest) / _HALF_LIFE)
            self._latest = latest

    def _sum(self, at: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(at, weights=weights, minlength=len(self._catalogue)).astype(np.float64, copy=False)
