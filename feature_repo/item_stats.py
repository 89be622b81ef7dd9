"""What is known about each item at one moment: how often, how recently and how well it was received."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.events import VALUE_RANGE, Kind

HALF_LIFE_DAYS = 30.0
PRIOR_RATINGS = 10.0  # ratings of average height that every item starts with
DAY_SECONDS = 86_400.0

_STARRED = (Kind.RATING, Kind.REVIEW)
_REFUSING = (Kind.SKIP, Kind.WATCHLIST_REMOVE)  # events that say no: they do not make an item popular


def item_stats(
    interactions: pl.DataFrame, catalogue: Catalogue, as_of: float, half_life_days: float = HALF_LIFE_DAYS
) -> ItemStats:
    """Statistics per catalogue row from the interactions before `as_of` (Unix seconds); later ones change nothing.

    `recent` weighs an event by 2^(-age / half-life). Age is counted from the latest event before `as_of`, not from `as_of`:
    a log that went quiet keeps its order of popularity instead of sinking to zero. `rating_mean` is the mean of stars with
    `PRIOR_RATINGS` ratings at the global mean added (Bayesian shrinkage; the middle of the scale where nobody rated).
    """
    past = interactions.filter(pl.col(c.TS) < as_of)
    rows = catalogue.rows(past[c.ITEM].to_numpy())
    known = rows >= 0
    past, rows = past.filter(known), rows[known]
    times = past[c.TS].to_numpy()
    decay = np.exp2((times - times.max(initial=0.0)) / (half_life_days * DAY_SECONDS))
    wanted = ~past[c.KIND].is_in(_REFUSING).to_numpy()
    return ItemStats(
        as_of=as_of,
        n_events=_sum_by(rows, np.ones(len(rows)), len(catalogue)).astype(np.float32),
        recent=_sum_by(rows, decay * wanted, len(catalogue)).astype(np.float32),
        rating_mean=_shrunk_means(rows, past, len(catalogue)),
    )


def _sum_by(rows: NDArray[np.intp], weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return np.bincount(rows, weights=weights, minlength=n).astype(np.float64, copy=False)


def _shrunk_means(rows: NDArray[np.intp], past: pl.DataFrame, n: int) -> NDArray[np.float32]:
    rated = (past[c.KIND].is_in(_STARRED) & past[c.VALUE].is_not_null()).to_numpy()
    stars = past[c.VALUE].to_numpy()[rated]
    low, high, _ = VALUE_RANGE[Kind.RATING]
    overall = stars.mean() if len(stars) else (low + high) / 2
    total = _sum_by(rows[rated], stars, n) + PRIOR_RATINGS * overall
    count = _sum_by(rows[rated], np.ones(len(stars)), n) + PRIOR_RATINGS
    return (total / count).astype(np.float32)
