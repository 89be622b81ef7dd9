"""The mirror as the primary index: it answers every search and is verified against Milvus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import DependencyUnavailable
from core.ports import VectorIndex


class VerifiedMirror:
    """A VectorIndex that searches in the process and verifies against the source of truth whenever `ready` is called.

    `degraded` is true from the moment that Milvus does not answer, or lacks the release, until a later `ready` finds it
    complete again. In that time the mirror is the only copy, and lists say so.
    """

    def __init__(self, mirror: VectorIndex, truth: VectorIndex) -> None:
        self._mirror = mirror
        self._truth = truth
        self._degraded = False

    @property
    def in_process(self) -> bool:
        return self._mirror.in_process

    @property
    def degraded(self) -> bool:
        return self._degraded

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """To the source of truth first: a mirror of something that was never stored would be no mirror."""
        self._truth.publish(release, item_ids, vectors)
        self._mirror.publish(release, item_ids, vectors)

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return self._mirror.search(release, query, k)

    def ready(self, release: str) -> bool:
        """Whether searches are answered; also looks at the source of truth. Never raises for its absence."""
        try:
            self._degraded = not self._truth.ready(release)
        except DependencyUnavailable:
            self._degraded = True
        return self._mirror.ready(release)
