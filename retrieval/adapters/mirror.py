"""Exact search inside the process: the index of a catalogue that fits in memory, and the fallback of any other index."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import NotFound
from retrieval.vectors import check_vectors


@dataclass(frozen=True, eq=False)
class _Items:
    ids: NDArray[np.int64]  # [n]
    vectors: NDArray[np.float32]  # [n, d]


class MirrorIndex:
    """A `VectorIndex` in arrays. Searches take no lock: a writer swaps in a new table, a reader keeps the one it has."""

    in_process = True

    def __init__(self) -> None:
        self._releases: Mapping[str, _Items] = {}
        self._writing = threading.Lock()

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Keep a copy of [n] ids and [n, d] vectors. Raises InvalidInput."""
        check_vectors(item_ids, vectors)
        items = _Items(item_ids.astype(np.int64), np.ascontiguousarray(vectors.astype(np.float32)))
        with self._writing:
            self._releases = {**self._releases, release: items}

    def move(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Raises NotFound for a release or an item that is not in the index, and InvalidInput."""
        check_vectors(item_ids, vectors)
        with self._writing:
            items = self._known(release)
            order = np.argsort(items.ids)
            at = order[np.searchsorted(items.ids, item_ids, sorter=order).clip(max=len(items.ids) - 1)]
            if (items.ids[at] != item_ids).any():
                raise NotFound(f"release {release} lacks some of these items", release=release)
            moved = items.vectors.copy()
            moved[at] = vectors
            self._releases = {**self._releases, release: _Items(items.ids, moved)}

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The exact k best by inner product; equal scores in the order of publication. Raises NotFound."""
        items = self._known(release)
        scores = items.vectors @ query
        best = top_rows(scores, k)
        return items.ids[best], scores[best]

    def ready(self, release: str) -> bool:
        return release in self._releases

    def _known(self, release: str) -> _Items:
        items = self._releases.get(release)
        if items is None:
            raise NotFound(f"release {release} is not in this process's index", release=release)
        return items

    def retain(self, releases: Collection[str]) -> list[str]:
        """Drop every release except these; returns the dropped ones."""
        with self._writing:
            gone = [release for release in self._releases if release not in releases]
            self._releases = {release: items for release, items in self._releases.items() if release in releases}
        return gone


def top_rows(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Positions of the min(k, n) largest scores, best first. O(n + k log k): only the winners are sorted."""
    n = len(scores)
    best = np.argpartition(scores, n - k)[n - k :] if k < n else np.arange(n)
    return best[np.lexsort((best, -scores[best]))]
