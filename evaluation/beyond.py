"""Beyond accuracy: metrics of the shown lists, given as catalogue rows [m, k], -1 where a list was shorter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ShownRows = NDArray[np.intp]
_SMOOTHING = 0.01  # share of the history's distribution mixed into the list's, to keep the divergence finite (Steck 2018)


def coverage(shown: ShownRows, n_items: int) -> float:
    """The share of the catalogue that appears in any list."""
    return len(np.unique(shown[shown >= 0])) / n_items if n_items else 0.0


def novelty(shown: ShownRows, popularity: NDArray[np.float64]) -> float:
    """Mean surprise of what is shown, -log2 of its share of the events (Vargas and Castells, RecSys 2011), in bits.

    `popularity` [n] are event counts; an item without any counts as if it had one.
    """
    counts = np.maximum(popularity, 1.0)
    rows = shown[shown >= 0]
    return float(-np.log2(counts[rows] / counts.sum()).mean()) if len(rows) else 0.0


def popularity_shares(rows: NDArray[np.intp], popularity: NDArray[np.float64], groups: int = 10) -> NDArray[np.float64]:
    """The shares of these catalogue rows (of any shape, -1 for none) that lie in each of `groups` equally large groups of items.

    `popularity` [n] orders the items; the last group has the most popular ones. [groups]; zeros without rows.
    """
    group = np.empty(len(popularity), dtype=np.intp)
    group[np.argsort(popularity, kind="stable")] = np.arange(len(popularity)) * groups // max(len(popularity), 1)
    counts = np.bincount(group[rows[rows >= 0]], minlength=groups)
    return np.asarray(counts / max(counts.sum(), 1), dtype=np.float64)


def intra_list_diversity(shown: ShownRows, genres: NDArray[np.float32]) -> float:
    """Mean over lists of the mean cosine distance of genres between two of its items (Ziegler et al., WWW 2005), 0 to 1.

    `genres` [n, G] are 0 or 1; an item without genres is at distance 1 from every other.
    """
    unit = genres / np.maximum(np.linalg.norm(genres, axis=1, keepdims=True), 1e-9)
    lists = unit[np.maximum(shown, 0)] * (shown >= 0)[:, :, None]
    sizes = (shown >= 0).sum(axis=1)
    several = sizes > 1
    if not several.any():
        return 0.0
    alike = (lists.sum(axis=1) ** 2).sum(axis=1) - (lists**2).sum(axis=(1, 2))  # over ordered pairs of different items
    pairs = sizes * (sizes - 1)
    return float((1 - alike[several] / pairs[several]).mean())


def miscalibration(shown: ShownRows, histories: Sequence[NDArray[np.intp]], genres: NDArray[np.float32]) -> float:
    """Mean Kullback-Leibler divergence of the list's genres from the history's (Steck, "Calibrated recommendations", RecSys
    2018), in nats; 0 means that they are equal. Users without a history or a list are left out."""
    weights = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1e-9)
    found = []
    for rows, history in zip(shown, histories, strict=True):
        listed = rows[rows >= 0]
        wanted, given = weights[history].sum(axis=0), weights[listed].sum(axis=0)
        if wanted.sum() == 0 or given.sum() == 0:
            continue
        p, q = wanted / wanted.sum(), given / given.sum()
        q = (1 - _SMOOTHING) * q + _SMOOTHING * p
        has = p > 0
        found.append(float((p[has] * np.log(p[has] / q[has])).sum()))
    return float(np.mean(found)) if found else 0.0
