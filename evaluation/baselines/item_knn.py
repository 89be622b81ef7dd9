"""ItemKNN: items like those a user consumed (Sarwar et al., WWW 2001), by `implicit`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.catalogue import Catalogue
from evaluation.baselines.interactions import query_items
from evaluation.queries import LabelledQuery
from retrieval.item_to_item import consumed_rows, user_items


@dataclass(frozen=True)
class ItemKnnConfig:
    """`neighbours` are kept per item, by cosine similarity."""

    neighbours: int = 200


class ItemKnn:
    """Scores are sums of the similarities to what a user consumed."""

    name = "itemknn"

    def __init__(self, config: ItemKnnConfig | None = None) -> None:
        self.config = config or ItemKnnConfig()

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        from implicit.nearest_neighbours import CosineRecommender

        self._catalogue = catalogue
        matrix, _ = user_items(consumed_rows(train, catalogue), len(catalogue))
        model = CosineRecommender(K=min(self.config.neighbours, len(catalogue)), num_threads=2)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Method expects CSR")  # implicit passes a matrix in another layout to itself
            model.fit(matrix, show_progress=False)
        self._similarity = model.similarity.tocsr().astype(np.float32)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = (query_items(queries, self._catalogue) @ self._similarity).toarray()
        return found
