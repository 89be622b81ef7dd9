"""Counts item-to-item transitions of the stream, as `retrieval.transitions` counts those of the lake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from core.kinds import TARGETS, codes
from streaming.learning.learner import Example

_TAKEN_UP = codes(TARGETS)
MAX_PAIRS = 200_000  # about 30 MB here, and a tenth of a second a version to write and to read


class TransitionCounter:
    """What followed what since the release, each by 1 / distance. Estimates, like learned vectors: see `LearningEffect`.

    When more than `MAX_PAIRS` pairs were met, the half that was met least is forgotten.
    """

    def __init__(self, n_items: int, window: int) -> None:
        """`window`: how many events back an item still counts as followed by another (`TransitionModelConfig.window`)."""
        self._n_items = n_items
        self._window = window
        self._counts: defaultdict[tuple[int, int], float] = defaultdict(float)

    @property
    def counts(self) -> csr_matrix:
        """[n, n]: row i has what followed item i."""
        pairs = np.array(list(self._counts), dtype=np.int64).reshape(-1, 2)
        weights = np.fromiter(self._counts.values(), np.float32, len(self._counts))
        return csr_matrix((weights, (pairs[:, 0], pairs[:, 1])), shape=(self._n_items, self._n_items))

    def resume(self, counts: csr_matrix) -> None:
        """Go on from what an earlier process published."""
        entries = counts.tocoo()
        for row, column, weight in zip(entries.row.tolist(), entries.col.tolist(), entries.data.tolist(), strict=True):
            self._counts[row, column] += weight

    def count(self, examples: Sequence[Example]) -> None:
        """Each example's target follows the latest items that its user had taken up."""
        for one in examples:
            taken = one.history.rows[np.isin(one.history.kinds, _TAKEN_UP)][-self._window :][::-1]
            for distance, row in enumerate(taken.tolist(), 1):
                self._counts[row, one.target] += 1.0 / distance
        if len(self._counts) > MAX_PAIRS:
            kept = sorted(self._counts.items(), key=lambda pair: -pair[1])[: MAX_PAIRS // 2]
            self._counts = defaultdict(float, kept)
