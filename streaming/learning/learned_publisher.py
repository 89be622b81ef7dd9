"""Publishes what was learned: vectors and transitions to the files that the API follows, vectors to the vector service too."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core.errors import DependencyUnavailable, NotFound
from core.ports import MovableIndex
from lake import later_transitions
from lake.learned_vectors import LearnedVectors, publish

_log = logging.getLogger(__name__)


class LearnedPublisher:
    """Publishes to the API first, whose mirror answers; the vector service gets the rows that it does not have yet.

    A service that does not answer never delays learning: it gets the missing rows with the next version.
    """

    def __init__(
        self,
        path: Path,
        transitions: Path,
        index: MovableIndex,
        release: str,
        item_ids: NDArray[np.int64],
        vectors: NDArray[np.float32],
    ) -> None:
        """`item_ids` [n] and `vectors` [n, d] are the release's own, which the index holds."""
        self._path = path
        self._transitions = transitions
        self._index = index
        self._release = release
        self._item_ids = item_ids
        self._held = vectors.copy()  # the vectors that the index is known to have
        self._working = True

    def __call__(self, learned: LearnedVectors, counts: csr_matrix) -> None:
        """`counts` [n, n]: the transitions since the release."""
        try:
            publish(self._path, self._release, self._item_ids[learned.rows], learned)
            later_transitions.publish(self._transitions, self._release, self._item_ids, counts)
            self._send_changed(learned)
        except (DependencyUnavailable, NotFound) as error:
            if self._working:
                _log.warning("learned vectors wait: %s", error.detail)
            self._working = False
        else:
            self._working = True

    def _send_changed(self, learned: LearnedVectors) -> None:
        stale = (learned.vectors != self._held[learned.rows]).any(axis=1)
        rows, vectors = learned.rows[stale], learned.vectors[stale]
        if len(rows):
            self._index.move(self._release, self._item_ids[rows], vectors)
            self._held[rows] = vectors
