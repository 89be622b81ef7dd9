"""Item statistics on their way from the consumer, which counts, to the API, which recommends: one file, replaced as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.errors import DependencyUnavailable, StorageFull


def publish(path: Path, ids: NDArray[np.int64], stats: ItemStats) -> None:
    """Write the statistics of these items [n], for whoever `PublishedStats` is. Raises StorageFull."""
    partial = path.with_suffix(".partial")
    columns = {c.ITEM: ids, "n_events": stats.n_events, "recent": stats.recent, "rating_mean": stats.rating_mean}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).with_columns(as_of=pl.lit(stats.as_of, dtype=pl.Float64)).write_parquet(partial)
        partial.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StorageFull("item statistics", f"{path}: {error}", "free space or mend the rights") from error


class PublishedStats:
    """Reads the file whenever it was replaced, for the rows of one catalogue."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = (0, 0)  # inode and time of the last file read

    def look(self, catalogue: Catalogue) -> ItemStats | None:
        """The statistics if they are new since the last look. An item that nobody counted gets zeros and the mean rating.

        Raises DependencyUnavailable for a file that cannot be read.
        """
        try:
            found = self._path.stat()
            if (found.st_ino, found.st_mtime_ns) == self._seen:
                return None
            frame = pl.read_parquet(self._path)
        except FileNotFoundError:
            return None
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DependencyUnavailable("item statistics", f"{self._path}: {error}", "the consumer writes them anew") from error
        self._seen = (found.st_ino, found.st_mtime_ns)
        return _aligned(frame, catalogue)


def _aligned(frame: pl.DataFrame, catalogue: Catalogue) -> ItemStats:
    at = catalogue.rows(frame[c.ITEM].to_numpy())
    known = at >= 0

    def column(name: str, missing: float) -> NDArray[np.float32]:
        out = np.full(len(catalogue), missing, dtype=np.float32)
        out[at[known]] = frame[name].to_numpy()[known]
        return out

    mean = float(frame["rating_mean"].to_numpy().mean()) if len(frame) else 0.0
    as_of = float(frame["as_of"][0]) if len(frame) else 0.0
    return ItemStats(as_of, column("n_events", 0.0), column("recent", 0.0), column("rating_mean", mean))
