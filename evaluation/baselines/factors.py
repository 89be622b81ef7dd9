"""Matrix factorisation by `implicit`: ALS (Hu, Koren and Volinsky, ICDM 2008) and BPR (Rendle et al., UAI 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.catalogue import Catalogue
from evaluation.baselines.interactions import query_items
from evaluation.queries import LabelledQuery
from retrieval.item_to_item import consumed_rows, user_items


@dataclass(frozen=True)
class FactorsConfig:
    """Size and length of training. `regularisation` and `learning_rate` (BPR only) are named as in `implicit`."""

    factors: int = 128
    iterations: int = 15
    regularisation: float = 0.01
    learning_rate: float = 0.01
    seed: int = 0


class Als:
    """Users' factors are computed from what they consumed, so users who were not in training have factors as well."""

    name = "als"

    def __init__(self, config: FactorsConfig | None = None) -> None:
        self.config = config or FactorsConfig()

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        from implicit.cpu.als import AlternatingLeastSquares

        self._catalogue = catalogue
        with threadpool_limits(1, "blas"):  # implicit has its own threads, and warns if BLAS has some too
            self._model = AlternatingLeastSquares(
                factors=self.config.factors,
                regularization=self.config.regularisation,
                iterations=self.config.iterations,
                random_state=self.config.seed,
                num_threads=2,
            )
            self._model.fit(user_items(consumed_rows(train, catalogue), len(catalogue))[0], show_progress=False)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        users = self._model.recalculate_user(np.arange(len(queries)), query_items(queries, self._catalogue))
        found: NDArray[np.float32] = users @ self._model.item_factors.T
        return found


class Bpr:
    """The factors of a user that training never saw are the mean of those of the consumed items."""

    name = "bpr"

    def __init__(self, config: FactorsConfig | None = None) -> None:
        self.config = config or FactorsConfig(iterations=100)

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        self._catalogue = catalogue
        matrix, self._row = user_items(consumed_rows(train, catalogue), len(catalogue))
        self._model = BayesianPersonalizedRanking(
            factors=self.config.factors,
            regularization=self.config.regularisation,
            learning_rate=self.config.learning_rate,
            iterations=self.config.iterations,
            random_state=self.config.seed,
            num_threads=1,  # its threads race: with more than one, results are not reproducible
        )
        self._model.fit(matrix, show_progress=False)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        items, consumed = self._model.item_factors, query_items(queries, self._catalogue)
        sizes = np.asarray(consumed.sum(axis=1)).reshape(-1, 1)
        users = np.asarray(consumed @ items / np.maximum(sizes, 1), dtype=np.float32)
        for at, query in enumerate(queries):
            if (row := self._row.get(query.user_id)) is not None:
                users[at] = self._model.user_factors[row]
        found: NDArray[np.float32] = users @ items.T
        return found
