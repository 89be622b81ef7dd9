"""Item vectors changed by online learning, published by the consumer for the API: a versioned delta on top of a release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from lake.published_file import FollowedFile, replace_file

_WHAT = "learned vectors"
_RELEASE, _VERSION, _VECTOR = "release", "version", "vector"


@dataclass(frozen=True, eq=False)
class LearnedVectors:
    """Vectors [m, d] that stand in for a release's own at catalogue rows [m]; version 0 is the release itself."""

    version: int
    rows: NDArray[np.intp]
    vectors: NDArray[np.float32]

    def over(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The release's item vectors [n, d] with these in their places; a copy."""
        moved = vectors.copy()
        moved[self.rows] = self.vectors
        return moved


def publish(path: Path, release: str, item_ids: NDArray[np.int64], learned: LearnedVectors) -> None:
    """Write every row that ever moved, with the release that it belongs to; `item_ids` [m]. Raises StorageFull."""
    vectors = pl.Series(_VECTOR, learned.vectors, dtype=pl.Array(pl.Float32, learned.vectors.shape[1]))
    table = pl.DataFrame({c.ITEM: item_ids, _VECTOR: vectors})
    replace_file(path, table.with_columns(pl.lit(release).alias(_RELEASE), pl.lit(learned.version).alias(_VERSION)), _WHAT)


class PublishedVectors:
    """Reads the vectors whenever the file is new."""

    def __init__(self, path: Path) -> None:
        self._file = FollowedFile(path, _WHAT)

    def look(self, release: str, catalogue: Catalogue, dim: int) -> LearnedVectors | None:
        """What was learned on top of this release, if it is new since the last check; never anything of another release.

        Raises DependencyUnavailable for a file that cannot be read.
        """
        table = self._file.look()
        if table is None or not len(table) or table[_RELEASE][0] != release:
            return None
        rows, vectors = catalogue.rows(table[c.ITEM].to_numpy()), table[_VECTOR].to_numpy()
        if (
            vectors.shape[1] != dim or (rows < 0).any()
        ):  # a release's name identifies its items, so Marquee did not write this file
            return None
        return LearnedVectors(int(table[_VERSION][0]), rows.astype(np.intp), vectors.astype(np.float32))
