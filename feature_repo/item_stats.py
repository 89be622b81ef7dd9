"""What is known about each item at one moment: how often, how recently and how well it was received."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.kinds import STARRED, STARS
from feature_repo.likings import DAY_SECONDS, LatestLikings, liking

HALF_LIFE_DAYS = 30.0
PRIOR_RATINGS = 10.0  # ratings of average height that every item starts with
PRIOR_USERS = 10.0  # recent ones with which the item that most users ever liked starts, and the others in proportion

STATS_COLUMNS = (c.USER, c.ITEM, c.KIND, c.VALUE, c.TS)  # of the lake's interactions, what the statistics read


class ItemRows(Protocol):
    """Items in rows: a release's catalogue, or what is known of items now."""

    def rows(self, ids: ArrayLike, /) -> NDArray[np.intp]:
        """The row of each key, -1 for one that is not there."""

    def __len__(self) -> int: ...


class ItemCounts:
    """Sums per catalogue row, to which interactions are added in any order and any portions: the one definition of `ItemStats`.

    `recent` counts each user who likes an item once in 30 days (`feature_repo.likings`), by the latest such event, with the
    weight 2^(-age / half-life). Age is counted from the latest event, not from the clock. To that, `PRIOR_USERS` are added to the
    item that most users ever liked, and to the others in proportion: where many people are, that is nothing; in a quiet hour, and
    after years without events, the order of all times stands until several people agree on another one. `users` are those who
    ever liked it, each once in 30 days.
    `rating_mean` is the mean of stars with `PRIOR_RATINGS` ratings at the global mean added (Bayesian shrinkage; the middle of
    the scale where nobody rated).
    """

    def __init__(self, catalogue: ItemRows, half_life_days: float = HALF_LIFE_DAYS) -> None:
        self._catalogue = catalogue
        self._half_life = half_life_days * DAY_SECONDS
        self._events, self._recent, self._users, self._stars, self._ratings = (np.zeros(len(catalogue)) for _ in range(5))
        self._likings = LatestLikings()
        self._latest = 0.0  # Unix seconds of the latest event: what `_recent` is as of

    def add(self, rows: pl.DataFrame) -> None:
        """Count rows with `STATS_COLUMNS`; those of unknown items are left out."""
        at = self._catalogue.rows(rows[c.ITEM].to_numpy())
        rows, at = rows.filter(at >= 0), at[at >= 0]
        if not len(rows):
            return
        times = rows[c.TS].to_numpy()
        self._age(float(times.max()))
        rated = (rows[c.KIND].is_in(STARRED) & rows[c.VALUE].is_not_null()).to_numpy()
        self._events += self._sum(at, np.ones(len(at)))
        self._like(at, rows)
        self._stars += self._sum(at[rated], rows[c.VALUE].to_numpy()[rated])
        self._ratings += self._sum(at[rated], np.ones(int(rated.sum())))

    def on(self, catalogue: ItemRows, keys: NDArray[np.int64]) -> ItemCounts:
        """The same counts on another catalogue; `keys` [n] are those of this one's rows. Items that are not in it are dropped."""
        at = catalogue.rows(keys)
        known = at >= 0
        other = ItemCounts(catalogue, self._half_life / DAY_SECONDS)
        other._latest, other._likings = self._latest, self._likings
        for name in ("_events", "_recent", "_users", "_stars", "_ratings"):
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
            recent=(self._recent + of_all_time(self._users)).astype(np.float32),
            rating_mean=means.astype(np.float32),
            users=self._users.astype(np.float32),
        )

    def _like(self, at: NDArray[np.intp], rows: pl.DataFrame) -> None:
        """Move each user's liking of an item to its latest time."""
        liked = np.flatnonzero(rows.select(liking()).to_series().to_numpy())
        changed, before, days = self._likings.add(rows[liked])
        weights = self._weight(days) - self._weight(before)
        items = at[liked[changed]]
        self._recent += self._sum(items, weights)
        self._users += self._sum(items, np.isneginf(before).astype(np.float64))

    def _weight(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of likings on these days since 1970, 0 for never."""
        return np.asarray(np.exp2((days * DAY_SECONDS - self._latest) / self._half_life))

    def _age(self, latest: float) -> None:
        """Decay all earlier events to the time of a later one."""
        if latest > self._latest:
            self._recent *= np.exp2((self._latest - latest) / self._half_life)
            self._latest = latest

    def _sum(self, at: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(at, weights=weights, minlength=len(self._catalogue)).astype(np.float64, copy=False)


def of_all_time(users: NDArray[np.floating]) -> NDArray[np.floating]:
    """What recent popularity [n] starts from, by how many users ever liked each item [n]."""
    return np.asarray(PRIOR_USERS * users / max(users.max(initial=0.0), 1.0))


def item_stats(
    interactions: pl.DataFrame, catalogue: Catalogue, as_of: float, half_life_days: float = HALF_LIFE_DAYS
) -> ItemStats:
    """Statistics per catalogue row from the interactions before `as_of` (Unix seconds); later ones change nothing."""
    counts = ItemCounts(catalogue, half_life_days)
    counts.add(interactions.filter(pl.col(c.TS) < as_of))
    return counts.stats(as_of)
