"""Item-to-item transitions that people made since a release was built, published by the consumer for the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core import columns as c
from core.catalogue import Catalogue
from lake.published_file import FollowedFile, replace_file

_WHAT = "later transitions"
_RELEASE, _FOLLOWED_BY, _COUNT = "release", "followed_by", "count"


def publish(path: Path, release: str, item_ids: NDArray[np.int64], counts: csr_matrix) -> None:
    """Write the counts [n, n] of all that followed what, with the release that they come on top of. Raises StorageFull.

    `item_ids` [n] are those of the counts' rows.
    """
    entries = counts.tocoo()
    columns = {c.ITEM: item_ids[entries.row], _FOLLOWED_BY: item_ids[entries.col], _COUNT: entries.data.astype(np.float32)}
    replace_file(path, pl.DataFrame(columns).with_columns(pl.lit(release).alias(_RELEASE)), _WHAT)


class PublishedTransitions:
    """Reads the counts whenever the file is new."""

    def __init__(self, path: Path) -> None:
        self._file = FollowedFile(path, _WHAT)

    def look(self, release: str, catalogue: Catalogue) -> csr_matrix | None:
        """Counts [n, n] on top of this release, if they are new since the last check; never those of another release.

        Raises DependencyUnavailable for a file that cannot be read.
        """
        table = self._file.look()
        if table is None or not len(table) or table[_RELEASE][0] != release:
            return None
        from_rows, to_rows = (catalogue.rows(table[name].to_numpy()) for name in (c.ITEM, _FOLLOWED_BY))
        known = (from_rows >= 0) & (to_rows >= 0)
        entries = table[_COUNT].to_numpy()[known], (from_rows[known], to_rows[known])
        return csr_matrix(entries, shape=(len(catalogue), len(catalogue)), dtype=np.float32)
