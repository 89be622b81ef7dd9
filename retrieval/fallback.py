"""An index that keeps answering when its service does not: a circuit breaker in front of Milvus, the mirror behind it."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
from numpy.typing import NDArray

from core.errors import DependencyUnavailable, NotFound
from core.ports import Monotonic, VectorIndex

log = logging.getLogger(__name__)


class FallbackIndex:
    """A `VectorIndex` that asks `primary` and, when that fails or lacks the release, `mirror`.

    After a failure the primary is left alone for `retry_after` seconds; then one caller tries it while the others stay
    with the mirror, so that a dead service costs a time-out once in a while and not to everyone.
    """

    def __init__(
        self,
        primary: VectorIndex,
        mirror: VectorIndex,
        retry_after: float = 5.0,
        clock: Monotonic = time.monotonic,
    ) -> None:
        self._primary = primary
        self._mirror = mirror
        self._retry_after = retry_after
        self._clock = clock
        self._retry_at = 0.0  # on the clock: the primary is not asked before it
        self._degraded = False
        self._lock = threading.Lock()

    @property
    def degraded(self) -> bool:
        """Whether the mirror has been answering in the primary's place since the primary's last call."""
        return self._degraded

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Into the mirror first, so that the release can be served; then into the primary. Raises DependencyUnavailable."""
        self._mirror.publish(release, item_ids, vectors)
        self._primary.publish(release, item_ids, vectors)

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """From the primary if it can, else from the mirror. Raises NotFound when neither has the release."""
        if self._may_ask():
            try:
                found = self._primary.search(release, query, k)
            except (DependencyUnavailable, NotFound) as error:
                found = self._mirror.search(release, query, k)
                self._failed(error)
            else:
                self._answered()
            return found
        return self._mirror.search(release, query, k)

    def ready(self, release: str) -> bool:
        """Whether either of the two can answer for the release."""
        if self._may_ask():
            try:
                if self._primary.ready(release):
                    self._answered()
                    return True
            except DependencyUnavailable as error:
                self._failed(error)
        return self._mirror.ready(release)

    def _may_ask(self) -> bool:
        """Everyone while the primary is well; one caller per `retry_after` while it is not."""
        with self._lock:
            if not self._degraded:
                return True
            now = self._clock()
            if now < self._retry_at:
                return False
            self._retry_at = now + self._retry_after
            return True

    def _failed(self, error: DependencyUnavailable | NotFound) -> None:
        with self._lock:
            first, self._degraded = not self._degraded, True
            self._retry_at = self._clock() + self._retry_after
        if first:
            log.warning("the mirror answers instead: %s", error.detail)

    def _answered(self) -> None:
        with self._lock:
            was, self._degraded = self._degraded, False
        if was:
            log.warning("the vector service answers again")
