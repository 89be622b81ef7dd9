"""The promise of exactly k: a selector that tops a short list up with what is popular.

A pipeline is short when a source timed out or an index is empty. The candidates that are added here are logged with the
others, with propensity 1: there was no other choice.
"""

from __future__ import annotations

import numpy as np

from core.catalogue import Catalogue, ItemStats
from core.pipeline import Candidates, Query, Selector


class CompletingSelector:
    """Another selector, then the most popular items that are neither chosen nor consumed, until there are k."""

    def __init__(self, inner: Selector, catalogue: Catalogue, stats: ItemStats, origin: int) -> None:
        """`origin` marks what is added; it lies beyond the pipeline's sources."""
        self.name = inner.name
        self._inner = inner
        self._catalogue = catalogue
        self._popular = stats.popular_rows(len(catalogue))
        self._origin = origin

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        chosen = self._inner.select(query, candidates)
        missing = query.k - len(chosen)
        return chosen if missing <= 0 else self._complete(query, chosen, missing)

    def _complete(self, query: Query, chosen: Candidates, missing: int) -> Candidates:
        taken = np.concatenate([chosen.rows, query.consumed_rows(self._catalogue)])
        best = self._popular[: len(taken) + missing]
        rows = best[~np.isin(best, taken)][:missing]
        lowest = float(chosen.scores.min()) if len(chosen) else 0.0
        propensities = np.ones(len(chosen), dtype=np.float32) if chosen.propensities is None else chosen.propensities
        return Candidates(
            rows=np.concatenate([chosen.rows, rows]),
            scores=np.concatenate([chosen.scores, lowest - np.arange(1, len(rows) + 1, dtype=np.float32)]),
            origin=np.concatenate([chosen.origin, np.full(len(rows), self._origin, dtype=np.int8)]),
            propensities=np.concatenate([propensities, np.ones(len(rows), dtype=np.float32)]),
        )
