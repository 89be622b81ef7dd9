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
from core.events import EARLIEST_SECONDS
from core.kinds import KINDS, STARRED
from datasets.splits import in_time_order

WatchedColumns = dict[str, NDArray[np.float64]]

USERS = "user"  # whose event it is: an ordinal, drawn anew for each release, that nobody can turn back into a user's key
KIND_OF = "kind:"  # before the name of a kind
WATCHED_GENRES = 6  # the most common ones: more would dominate the share of drifted features
REFERENCE_EVENTS = 20_000  # the newest events before the cut, because tastes of ten years ago are not a reference for today
REFERENCE_ROWS = 5_000
BLOCK = 2_000  # events of one block of the reference: as many as a window has
_YEAR_SECONDS = 31_556_952.0


def watched_events(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats, seed: int = 0) -> WatchedColumns:
    """The features of each event on a known item: [n] per feature, NaN where the event has no such value, and USERS [n].

    `value` is stars, `hour` the hour of the day in UTC, `popularity` log(1 + events) of the item under the release's
    statistics, `age` how many years old the item was (see `_ages`), `genre:...` 1 where the item has the genre, and `kind:...` 1
    where the event is of the kind.
    """
    rows = catalogue.rows(interactions[c.ITEM].to_numpy())
    events, rows = interactions.filter(rows >= 0), rows[rows >= 0]
    # An event that came late must not count itself in the statistics.
    others = stats.n_events[rows] - (events[c.TS].to_numpy() < stats.as_of)
    return _columns(events, rows, np.maximum(others, 0), catalogue, seed)


def watched_columns(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats) -> WatchedColumns:
    """The values of each feature, of the events that have one."""
    return values_of(watched_events(interactions, catalogue, stats))


def values_of(events: Mapping[str, NDArray[np.float64]]) -> WatchedColumns:
    """The finite values of each feature [m <= n], without the users."""
    return {name: values[np.isfinite(values)] for name, values in events.items() if name != USERS}


def reference_columns(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats, seed: int) -> WatchedColumns:
    """The watched features of a sample of the newest events that training saw (those before `stats.as_of`), with USERS.

    Popularity is that of before the event, as a window's is: the events are taken in blocks of the size of a window, each under
    the counts of what came before it. Counted from the events themselves it would be higher than any window's (what is in
    fashion has just been counted), and every window would differ from it. At most the newer half of the events are taken, so
    that all have a past to be counted from.
    """
    seen = in_time_order(interactions.filter(pl.col(c.TS) < stats.as_of))
    seen = seen.filter(catalogue.rows(seen[c.ITEM].to_numpy()) >= 0)
    rows, first = catalogue.rows(seen[c.ITEM].to_numpy()), max(len(seen) - REFERENCE_EVENTS, len(seen) // 2)
    counts, popularity = np.bincount(rows[:first], minlength=len(catalogue)), np.zeros(len(seen))
    for start in range(first, len(seen), BLOCK):
        block = rows[start : start + BLOCK]
        popularity[start : start + BLOCK] = counts[block] * (len(seen) / max(start, 1))  # shares, at today's number of events
        counts += np.bincount(block, minlength=len(catalogue))
    taken = np.random.default_rng(seed).permutation(np.arange(first, len(seen)))[:REFERENCE_ROWS]
    return _columns(seen[taken], rows[taken], popularity[taken], catalogue, seed)


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


def _columns(
    events: pl.DataFrame, rows: NDArray[np.intp], popularity: NDArray[np.generic], catalogue: Catalogue, seed: int
) -> WatchedColumns:
    """Of events [n] on these catalogue rows [n]; `popularity` [n] in events."""
    stars = events.select(pl.when(pl.col(c.KIND).is_in(STARRED)).then(c.VALUE).cast(pl.Float64).fill_null(np.nan)).to_series()
    times = events[c.TS].to_numpy()
    columns: dict[str, NDArray[np.generic]] = {
        "value": stars.to_numpy(),
        "hour": times / 3600 % 24,
        "popularity": np.log1p(popularity),
        "age": _ages(times, rows, catalogue),
    }
    for kind in KINDS:
        columns[f"{KIND_OF}{kind}"] = (events[c.KIND] == kind).to_numpy()
    for genre in _commonest_genres(catalogue):
        columns[f"genre:{catalogue.genre_names[genre]}"] = catalogue.genres[rows, genre]
    columns[USERS] = _ordinals(events[c.USER].to_numpy(), seed)
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


def _ages(times: NDArray[np.float64], rows: NDArray[np.intp], catalogue: Catalogue) -> NDArray[np.float64]:
    """Years between the item's year and the event [n]; NaN where the item has none.

    The year itself would drift by the mere passing of time: each window has newer items than the reference. No event counts as
    later than the newest item, because a release that has no newer items cannot show any: old data that are imported today
    would else be years older than the traffic of tomorrow.
    """
    newest = float(catalogue.years.max(initial=0.0))
    known = times >= EARLIEST_SECONDS  # otherwise the data have no times, but positions
    at = np.where(known, np.minimum(1970.0 + times / _YEAR_SECONDS, newest), newest)
    years = catalogue.years[rows]
    return np.where(years > 0, at - years, np.nan)


def _ordinals(users: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Another number for each user [n], in an order that says nothing about the keys."""
    known, places = np.unique(users, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(known))[places]


def _commonest_genres(catalogue: Catalogue) -> list[int]:
    counts = catalogue.genres.sum(axis=0)
    return sorted(np.argsort(-counts, kind="stable")[:WATCHED_GENRES].tolist())
