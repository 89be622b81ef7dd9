"""What most people consumed recently: the minimum that every model has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from evaluation.queries import LabelledQuery

DAY = 86_400.0


@dataclass(frozen=True)
class PopularityConfig:
    """`window` is in days before the end of training; infinity counts everything."""

    window: float = float("inf")


class Popularity:
    """Scores are counts of the window, plus a share of all-time counts that only breaks ties."""

    def __init__(self, config: PopularityConfig | None = None) -> None:
        self.config = config or PopularityConfig()
        window = self.config.window
        self.name = "popularity" if np.isinf(window) else f"popularity-{window:g}d"

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        rows, times = catalogue.rows(train[c.ITEM].to_numpy()), train[c.TS].to_numpy()
        lately = times >= times.max() - self.config.window * DAY
        ever = np.bincount(rows[rows >= 0], minlength=len(catalogue))
        recent = np.bincount(rows[(rows >= 0) & lately], minlength=len(catalogue))
        self._counts = (recent + ever / (ever.sum() + 1)).astype(np.float32)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        return np.broadcast_to(self._counts, (len(queries), len(self._counts)))
