"""A windowed Markov chain: what people took up next after what this user took up last. Counts alone, no training: the honest
floor of every sequential model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from evaluation.baselines.interactions import liked
from evaluation.queries import LabelledQuery


@dataclass(frozen=True)
class MarkovConfig:
    """Chosen on ML-1M's validation events (docs/benchmarks.md)."""

    window: int = 10  # successors that count as "next", each by 1 / distance
    recent: int = 10  # latest items that vote
    decay: float = 0.6  # of the vote, per step back
    normalise: float = 0.5  # power of a source's total count that its votes are divided by


class WindowedMarkov:
    """Scores are the decayed votes of a user's latest items for their successors."""

    name = "markov"

    def __init__(self, config: MarkovConfig | None = None) -> None:
        self.config = config or MarkovConfig()

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        events = liked(train, catalogue)
        total = csr_matrix((len(catalogue), len(catalogue)), dtype=np.float32)
        for distance in range(1, self.config.window + 1):
            same = events.users[distance:] == events.users[:-distance]
            pair = events.rows[:-distance][same], events.rows[distance:][same]
            total = total + csr_matrix((np.full(len(pair[0]), 1 / distance, np.float32), pair), shape=total.shape)
        mass = np.asarray(total.sum(axis=1)).ravel()
        scale = 1 / np.maximum(mass, 1e-9) ** self.config.normalise
        self._successors = total.multiply(scale[:, None]).tocsr().astype(np.float32)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = (self._votes(queries) @ self._successors).toarray()
        return found

    def _votes(self, queries: Sequence[LabelledQuery]) -> csr_matrix:
        """Weights of each query's latest items [queries, items]."""
        at, columns, weights = [], [], []
        for row, query in enumerate(queries):
            if query.user is None:
                continue
            known = self._catalogue.rows(query.user.item_ids)
            latest = known[known >= 0][-self.config.recent :][::-1]
            at += [row] * len(latest)
            columns += latest.tolist()
            weights += (self.config.decay ** np.arange(len(latest))).tolist()
        return csr_matrix((np.array(weights, np.float32), (at, columns)), shape=(len(queries), len(self._catalogue)))
