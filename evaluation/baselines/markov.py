"""A windowed Markov chain (`retrieval.transitions`) alone: counts without training, which any sequential model has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.catalogue import Catalogue
from evaluation.queries import LabelledQuery
from retrieval.transitions import TransitionModelConfig, Transitions


class WindowedMarkov:
    """Scores are the decayed votes of a user's latest items for their successors."""

    name = "markov"

    def __init__(self, config: TransitionModelConfig | None = None) -> None:
        self.config = config or TransitionModelConfig()

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._transitions = Transitions.fit(train, catalogue, self.config)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        return self._transitions.scores_of([query.user for query in queries], self._catalogue)
