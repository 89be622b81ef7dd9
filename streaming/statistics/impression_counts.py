"""How often each item was shown: what an exploration budget is measured by."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from lake.ports import Added

_SHOWN = "shown"


class ImpressionCounts:
    """Impressions by item key. It counts rows of the lake, so that nothing is counted twice after a restart."""

    def __init__(self) -> None:
        self._counts = pl.DataFrame(schema={c.ITEM: pl.Int64, _SHOWN: pl.Int64})

    def add(self, added: Added) -> None:
        """New rows of the lake's impressions; a snapshot replaces what was counted."""
        known = self._counts.clear() if added.is_snapshot else self._counts
        new = added.rows.group_by(c.ITEM).agg(pl.len().cast(pl.Int64).alias(_SHOWN))
        self._counts = pl.concat([known, new]).group_by(c.ITEM).agg(pl.col(_SHOWN).sum())

    def of(self, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """The counts of these items [n]."""
        found = pl.DataFrame({c.ITEM: keys}).join(self._counts, on=c.ITEM, how="left", maintain_order="left")
        return found[_SHOWN].fill_null(0).cast(pl.Float32).to_numpy()
