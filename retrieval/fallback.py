"""An index that stays available without its service: Milvus behind a circuit breaker, with the mirror as the fallback."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.breaker import Breaker
from core.errors import DependencyUnavailable, NotFound
from core.ports import Monotonic, VectorIndex

_THREADS = 8  # searches of the primary at once


class FallbackIndex:
    """A `VectorIndex` that searches `primary` and, when that fails, is slow or lacks the release, `mirror`.

    After a failure the mirror answers at once, and the primary is asked behind its answers until it can be used again.
    """

    in_process = False

    def __init__(
        self,
        primary: VectorIndex,
        mirror: VectorIndex,
        patience: float = 0.06,
        retry_after: float = 1.0,
        clock: Monotonic = time.monotonic,
    ) -> None:
        """A search waits `patience` seconds for the primary. A request must wait longer for a source (`timeout_ms`), or it would
        have neither of the two."""
        self._primary = primary
        self._mirror = mirror
        self._patience = patience
        self._breaker = Breaker("the vector service", retry_after, clock=clock)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vector service")

    @property
    def degraded(self) -> bool:
        """Whether the mirror has replaced the primary since the primary's last call."""
        return self._breaker.open

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Publish to the mirror first, so that the release can be served; then to the primary. Raises DependencyUnavailable."""
        self._mirror.publish(release, item_ids, vectors)
        self._primary.publish(release, item_ids, vectors)

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """From the primary if it can, else from the mirror. Raises NotFound when neither has the release."""
        ask = partial(self._primary.search, release, query, k)
        if self._breaker.open:
            self._breaker.ask_behind(self._threads, ask, self._patience)
            return self._mirror.search(release, query, k)
        try:
            return self._threads.submit(ask).result(self._patience)
        except (DependencyUnavailable, NotFound) as error:
            reason = error.detail
        except TimeoutError:
            reason = f"no answer within {self._patience * 1e3:.0f} ms"
        found = self._mirror.search(release, query, k)
        self._breaker.failed(reason)
        return found

    def ready(self, release: str) -> bool:
        """Whether either of the two can serve the release."""
        try:
            if self._primary.ready(release):
                self._breaker.answered()
                return True
        except DependencyUnavailable as error:
            self._breaker.failed(error.detail)
        return self._mirror.ready(release)
