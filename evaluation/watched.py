"""The watched features: the distribution of user behaviour in training, from which the watchdog detects drift.

Release building writes a sample of them into the bundle, the watchdog computes the same columns from recent events.
Not every event has every feature: a click has no stars, some items have no year.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.kinds import STARRED
from datasets.splits import in_time_order

WatchedColumns = dict[str, NDArray[np.float64]]

USERS = "user"  # whose event it is: an ordinal, drawn anew for each release, that nobody can turn back into a user's key
WATCHED_GENRES = 6  # the most common ones: more would dominate the share of drifted features
REFERENCE_EVENTS = 20_000  # the newest events before the cut, because tastes of ten years ago are not a reference for today
REFERENCE_ROWS = 5_000


def watched_events(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats, seed: int = 0) -> WatchedColumns:
    """The features of each event on a known item: [n] per feature, NaN where the event has no such value, and USERS [n].

    `value` is stars, `hour` the hour of the day in UTC, `popularity` log(1 + events) of the item under the release's
    statistics, `year` that of the item, and `genre:...` 1 where the item has the genre.
    """
    rows = catalogue.rows(interactions[c.ITEM].to_numpy())
    events, rows = interactions.filter(rows >= 0), rows[rows >= 0]
    times = events[c.TS].to_numpy()
    stars = events.select(pl.when(pl.col(c.KIND).is_in(STARRED)).then(c.VALUE).cast(pl.Float64).fill_null(np.nan)).to_series()
    # An event must not count itself in the statistics: popularity would then always fall after training.
    others = np.maximum(stats.n_events[rows] - (times < stats.as_of), 0)
    years = catalogue.years[rows]
    columns: dict[str, NDArray[np.generic]] = {
        "value": stars.to_numpy(),
        "hour": times / 3600 % 24,
        "popularity": np.log1p(others),
        "year": np.where(years > 0, years, np.nan),
    }
    for genre in _commonest_genres(catalogue):
        columns[f"genre:{catalogue.genre_names[genre]}"] = catalogue.genres[rows, genre]
    columns[USERS] = _ordinals(events[c.USER].to_numpy(), seed)
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


def watched_columns(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats) -> WatchedColumns:
    """The values of each feature, of the events that have one."""
    return values_of(watched_events(interactions, catalogue, stats))


def values_of(events: Mapping[str, NDArray[np.float64]]) -> WatchedColumns:
    """The finite values of each feature [m <= n], without the users."""
    return {name: values[np.isfinite(values)] for name, values in events.items() if name != USERS}


def reference_columns(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats, seed: int) -> WatchedColumns:
    """The watched features of a sample of the newest events that training saw (those before `stats.as_of`), with USERS."""
    seen = in_time_order(interactions.filter(pl.col(c.TS) < stats.as_of)).tail(REFERENCE_EVENTS)
    return watched_events(seen.sample(min(REFERENCE_ROWS, len(seen)), seed=seed), catalogue, stats, seed)


def as_frame(columns: Mapping[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Columns of unequal length as one table for Parquet; the shorter ones are padded with nulls."""
    height = max((len(values) for values in columns.values()), default=0)
    return pl.DataFrame([pl.Series(name, values).extend_constant(None, height - len(values)) for name, values in columns.items()])


def read_events(path: Path) -> WatchedColumns:
    """The columns of the Parquet file of such a table, NaN for null. Releases of before have no USERS: theirs are not one
    row for each event."""
    return {series.name: series.cast(pl.Float64).fill_null(np.nan).to_numpy() for series in pl.read_parquet(path)}


def read_columns(path: Path) -> WatchedColumns:
    """The values of each feature in that file."""
    return values_of(read_events(path))


def _ordinals(users: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Another number for each user [n], in an order that says nothing about the keys."""
    known, places = np.unique(users, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(known))[places]


def _commonest_genres(catalogue: Catalogue) -> list[int]:
    counts = catalogue.genres.sum(axis=0)
    return sorted(np.argsort(-counts, kind="stable")[:WATCHED_GENRES].tolist())
