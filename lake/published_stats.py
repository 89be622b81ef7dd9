"""Item statistics, published by the consumer and read by the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from lake.published_file import FollowedFile, replace_file

_WHAT = "item statistics"


def publish(path: Path, ids: NDArray[np.int64], stats: ItemStats) -> None:
    """Write the statistics of these items [n], for `PublishedStats` to read. Raises StorageFull."""
    columns = {c.ITEM: ids, "n_events": stats.n_events, "recent": stats.recent, "rating_mean": stats.rating_mean}
    columns |= {"impressions": stats.impressions, "answers": stats.answers, "users": stats.users}
    replace_file(path, pl.DataFrame(columns).with_columns(as_of=pl.lit(stats.as_of, dtype=pl.Float64)), _WHAT)


class PublishedStats:
    """Reads the statistics whenever they are new, for the rows of one catalogue."""

    def __init__(self, path: Path) -> None:
        self._file = FollowedFile(path, _WHAT)

    def look(self, catalogue: Catalogue) -> ItemStats | None:
        """The statistics if they are new since the last check. An item without statistics gets zeros and the mean rating.

        Raises DependencyUnavailable for a file that cannot be read.
        """
        table = self._file.look()
        return None if table is None else _aligned(table, catalogue)


def _aligned(frame: pl.DataFrame, catalogue: Catalogue) -> ItemStats:
    at = catalogue.rows(frame[c.ITEM].to_numpy())
    known = at >= 0

    def column(name: str, missing: float) -> NDArray[np.float32]:
        out = np.full(len(catalogue), missing, dtype=np.float32)
        if name in frame.columns:  # a file of before there was that column
            out[at[known]] = frame[name].to_numpy()[known]
        return out

    mean = float(frame["rating_mean"].to_numpy().mean()) if len(frame) else 0.0
    as_of = float(frame["as_of"][0]) if len(frame) else 0.0
    counted = (column(name, 0.0) for name in ("impressions", "answers", "users" if "users" in frame.columns else "n_events"))
    return ItemStats(as_of, column("n_events", 0.0), column("recent", 0.0), column("rating_mean", mean), *counted)
