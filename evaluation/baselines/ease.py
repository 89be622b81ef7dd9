"""EASE with all of its weights (`retrieval.ease`), as a model for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.machine import available_memory
from evaluation.baselines.interactions import query_items
from evaluation.does_not_fit import DoesNotFit
from evaluation.queries import LabelledQuery
from retrieval.ease import ease_weights, gram_of, max_items_in, memory_of
from retrieval.item_to_item import consumed_rows, user_items


@dataclass(frozen=True)
class EaseConfig:
    """`regularisation` is lambda, the ridge on the Gram matrix."""

    regularisation: float = 200.0


class Ease:
    """Scores are the user's consumed items times the item-to-item weights."""

    name = "ease"

    def __init__(self, config: EaseConfig | None = None) -> None:
        self.config = config or EaseConfig()

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        """Raises DoesNotFit for a catalogue whose inverse would not fit into the memory that is available."""
        need, available = memory_of(len(catalogue)), available_memory()
        if need > available:
            raise DoesNotFit(len(catalogue), max_items_in(available), need, available)
        self._catalogue = catalogue
        matrix, _ = user_items(consumed_rows(train, catalogue), len(catalogue))
        self._weights = ease_weights(gram_of(matrix), self.config.regularisation)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = query_items(queries, self._catalogue) @ self._weights
        return found
