"""EASE: a linear item-to-item model with a zero diagonal, in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import InvalidInput
from evaluation.baselines.interactions import liked, query_items, user_items
from evaluation.queries import LabelledQuery

_MAX_ITEMS = 30_000  # the dense inverse needs 8 bytes x items^2, twice


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
        """Raises InvalidInput for a catalogue whose inverse does not fit into memory."""
        if len(catalogue) > _MAX_ITEMS:
            raise InvalidInput("items", len(catalogue), f"at most {_MAX_ITEMS} for EASE's dense inverse")
        self._catalogue = catalogue
        matrix, _ = user_items(liked(train, catalogue), len(catalogue))
        gram = (matrix.T @ matrix).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.config.regularisation
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self._weights = weights.astype(np.float32)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = query_items(queries, self._catalogue) @ self._weights
        return found
