"""How often each item was shown, and accepted where it was: what an exploration budget is measured by."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.kinds import ACCEPTING
from lake.ports import Added

_SHOWN, _LIST = "shown", "list"
ANSWER_COLUMNS = (c.ITEM, c.KIND, c.REQUEST_ID)  # of the lake's interactions


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


class AnswerCounts:
    """Accepted impressions by item key. A click and a purchase that answer the same list accept one impression of the item."""

    def __init__(self) -> None:
        self._accepted = pl.DataFrame(schema={c.ITEM: pl.Int64, _LIST: pl.UInt64})  # 16 bytes each

    def add(self, added: Added) -> None:
        """New rows of the lake's interactions; a snapshot replaces what was counted."""
        known = self._accepted.clear() if added.is_snapshot else self._accepted
        good = added.rows.drop_nulls(c.REQUEST_ID).filter(pl.col(c.KIND).is_in(ACCEPTING))
        new = good.select(pl.col(c.ITEM).cast(pl.Int64), pl.col(c.REQUEST_ID).cast(pl.String).hash().alias(_LIST))
        if len(new) or added.is_snapshot:
            self._accepted = pl.concat([known, new]).unique()

    def of(self, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """The counts of these items [n]."""
        counts = self._accepted.group_by(c.ITEM).len()
        found = pl.DataFrame({c.ITEM: keys}).join(counts, on=c.ITEM, how="left", maintain_order="left")
        return found["len"].fill_null(0).cast(pl.Float32).to_numpy()
