"""The watched features: the distribution of user behaviour in training, from which the watchdog detects drift.

Release building writes a sample of them into the bundle, the watchdog computes the same columns from recent events.
Columns differ in length, because not every event has every feature: a click has no stars, some items have no year.
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

WATCHED_GENRES = 6  # the most common ones: more would dominate the share of drifted features
REFERENCE_EVENTS = 20_000  # the newest events before the cut, because tastes of ten years ago are not a reference for today
REFERENCE_ROWS = 5_000


def watched_columns(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats) -> WatchedColumns:
    """The features of each event on a known item, one array per feature.

    `value` is stars, `hour` the hour of the day in UTC, `popularity` log(1 + events) of the item under the release's
    statistics, `year` that of the item, and `genre:...` 1 where the item has the genre.
    """
    rows = catalogue.rows(interactions[c.ITEM].to_numpy())
    events, rows = interactions.filter(rows >= 0), rows[rows >= 0]
    times = events[c.TS].to_numpy()
    stars = events.filter(pl.col(c.KIND).is_in(STARRED))[c.VALUE].drop_nulls()
    # An event must not count itself in the statistics: popularity would then always fall after training.
    others = np.maximum(stats.n_events[rows] - (times < stats.as_of), 0)
    years = catalogue.years[rows]
    columns: dict[str, NDArray[np.generic]] = {
        "value": stars.to_numpy(),
        "hour": times / 3600 % 24,
        "popularity": np.log1p(others),
        "year": years[years > 0],
    }
    for genre in _commonest_genres(catalogue):
        columns[f"genre:{catalogue.genre_names[genre]}"] = catalogue.genres[rows, genre]
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


def reference_columns(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats, seed: int) -> WatchedColumns:
    """The watched features of a sample of the newest events that training saw (those before `stats.as_of`)."""
    seen = in_time_order(interactions.filter(pl.col(c.TS) < stats.as_of)).tail(REFERENCE_EVENTS)
    return watched_columns(seen.sample(min(REFERENCE_ROWS, len(seen)), seed=seed), catalogue, stats)


def as_frame(columns: Mapping[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Columns of unequal length as one table for Parquet; the shorter ones are padded with nulls."""
    height = max((len(values) for values in columns.values()), default=0)
    return pl.DataFrame([pl.Series(name, values).extend_constant(None, height - len(values)) for name, values in columns.items()])


def read_columns(path: Path) -> WatchedColumns:
    """Reads the columns back from the Parquet file of such a table."""
    return {series.name: series.drop_nulls().to_numpy() for series in pl.read_parquet(path)}


def _commonest_genres(catalogue: Catalogue) -> list[int]:
    counts = catalogue.genres.sum(axis=0)
    return sorted(np.argsort(-counts, kind="stable")[:WATCHED_GENRES].tolist())
