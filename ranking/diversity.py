"""Orders that trade relevance for diversity: maximal marginal relevance, and a determinantal point process."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ranking.unit_vectors import unit

Order = NDArray[np.intp]
NEGLIGIBLE = 1e-6  # share of its own volume, at or below which an item adds nothing; the rest keeps its order


def maximal_marginal_relevance(relevance: NDArray[np.float32], similarity: NDArray[np.float32], trade_off: float) -> Order:
    """An order of the n items; each next one has the highest trade_off x relevance - (1 - trade_off) x its similarity to the
    most similar one above it (Carbonell and Goldstein, SIGIR 1998).

    `relevance` [n] from 0 to 1, `similarity` [n, n] at most 1, `trade_off` from 0 to 1. Ties go to the lower index.
    """
    n = len(relevance)
    order, nearest = np.empty(n, dtype=np.intp), np.zeros(n, dtype=np.float32)
    gain = (trade_off * relevance).astype(np.float32)
    for position in range(n):
        best = int(np.argmax(gain - (1.0 - trade_off) * nearest))
        order[position] = best
        gain[best] = -np.inf
        nearest = similarity[best] if position == 0 else np.maximum(nearest, similarity[best])
    return order


def determinantal(relevance: NDArray[np.float32], similarity: NDArray[np.float32], theta: float) -> Order:
    """An order in which each next item adds most to the log determinant of L, L_ij = q_i S_ij q_j with q = exp(a x relevance)
    and a = theta / (2 (1 - theta)): the fast greedy MAP inference of Chen, Zhang and Zhou (NeurIPS 2018), O(n^2) an item.

    `relevance` [n] from 0 to 1, `similarity` S [n, n] positive semi-definite with ones on the diagonal, `theta` from 0 (only
    diversity) to below 1. When nothing adds anything any more, the rest keeps its order.
    """
    n = len(relevance)
    weight = np.exp(theta / (2.0 * (1.0 - theta)) * relevance.astype(np.float64))
    kernel = weight[:, None] * similarity.astype(np.float64) * weight
    rows, volume = np.zeros((n, n)), np.diag(kernel).copy()  # c_i column by column, and d_i squared
    floor = NEGLIGIBLE * volume  # of each item by itself: what is left is then no more than the error of computing it
    order: list[int] = []
    for position in range(n):
        volume[volume <= floor] = -np.inf
        best = int(np.argmax(volume))
        if volume[best] < 0:
            break
        order.append(best)
        added = (kernel[best] - rows[:position].T @ rows[:position, best]) / math.sqrt(volume[best])
        rows[position] = added
        volume -= added**2
        volume[order] = -np.inf
    left = np.setdiff1d(np.arange(n), order)
    return np.concatenate([np.array(order, dtype=np.intp), left[np.argsort(-relevance[left], kind="stable")]])


def cosines(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Similarity [n, n] of vectors [n, d]; a vector of zeros is similar to itself alone."""
    directions = unit(vectors)
    similarity = directions @ directions.T
    np.fill_diagonal(similarity, 1.0)
    return np.asarray(similarity, dtype=np.float32)
