"""An index that stays available without its service: a circuit breaker around Milvus, with the mirror as the fallback."""

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
    """A `VectorIndex` that searches `primary` and, when that fails or lacks the release, `mirror`.

    After a failure the primary is not used for `retry_after` seconds. Then one caller tries it while the others stay with the
    mirror, so that a dead service costs one caller an occasional time-out and not every caller.
    """

    in_process = False

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
        self._retry_at = 0.0  # clock time before which the primary is not used
        self._degraded = False
        self._lock = threading.Lock()

    @property
    def degraded(self) -> bool:
        """Whether the mirror has replaced the primary since the primary's last call."""
        return self._degraded

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Publish to the mirror first, so that the release can be served; then to the primary. Raises DependencyUnavailable."""
        self._mirror.publish(release, item_ids, vectors)
        self._primary.publish(release, item_ids, vectors)

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """From the primary if it can, else from the mirror. Raises NotFound when neither has the release."""
        if self._may_retry():
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
        """Whether either of the two can serve the release."""
        if self._may_retry():
            try:
                if self._primary.ready(release):
                    self._answered()
                    return True
            except DependencyUnavailable as error:
                self._failed(error)
        return self._mirror.ready(release)

    def _may_retry(self) -> bool:
        """True for every caller while the primary is healthy, otherwise for one caller per `retry_after`."""
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
