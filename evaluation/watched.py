"""The columns that the watchdog watches: the same function makes a release's reference and the stream's present."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats


def watched_columns(interactions: pl.DataFrame, catalogue: Catalogue, stats: ItemStats) -> dict[str, NDArray[np.float64]]:
    """Columns [n] for the interactions [n] whose item is in the catalogue.

    They describe what is consumed, not when: imported history and replays have no stationary hour.
    """
    rows = catalogue.rows(interactions[c.ITEM].to_numpy())
    known = rows >= 0
    rows = rows[known]
    genres = catalogue.genres[rows]
    columns = {
        "value": interactions[c.VALUE].fill_null(0.0).to_numpy()[known],
        "log_popularity": np.log1p(stats.n_events[rows]),
        "rating_mean": stats.rating_mean[rows],
        "film_year": catalogue.years[rows],
        "genre_count": genres.sum(axis=1),
    }
    return {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
