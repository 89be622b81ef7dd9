"""Ranking metrics of one relevant item per query, from its exact rank in the whole catalogue. No sampled negatives.

With one relevant item DCG is 1 / log2(rank + 2) and the ideal is 1, so NDCG needs no more than the rank
(Jaervelin and Kekaelaeinen 2002).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOT_FOUND = np.iinfo(np.int64).max  # the rank of an item that was not among the candidates


def hit_rate(ranks: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """1 where the item is in the top k. `ranks` [n] start at 0."""
    return (ranks < k).astype(np.float64)


def ndcg(ranks: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Discounted gain per query [n]: 1 at the top, 0 from position k on."""
    inside = ranks < k
    return np.where(inside, 1.0 / np.log2(np.where(inside, ranks, 0) + 2.0), 0.0)


def reciprocal_rank(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 / (rank + 1) per query [n]; 0 for an item that was not found."""
    found = ranks < NOT_FOUND
    return np.where(found, 1.0 / (np.where(found, ranks, 0) + 1.0), 0.0)


def rank_of(scores: NDArray[np.float32], target: int, excluded: NDArray[np.intp], ties: NDArray[np.uint64]) -> int:
    """The rank of catalogue row `target` among all rows but `excluded`; scores [n], ties [n] break equal scores.

    A target that is excluded itself (seen before) is ranked as if it alone were let back in. Scores must not be NaN.
    """
    ahead = (scores > scores[target]) | ((scores == scores[target]) & (ties < ties[target]))
    ahead[excluded] = False
    return int(np.count_nonzero(ahead))


def coverage(shown: NDArray[np.intp], n_items: int) -> float:
    """The share of the catalogue that appears in any list. `shown` are catalogue rows of any shape."""
    return len(np.unique(shown)) / n_items if n_items else 0.0


def popularity_debiased(values: NDArray[np.float64], popularity: NDArray[np.float64]) -> float:
    """The mean of per-query values [n], weighted by 1 / popularity of the target (at least 1), self-normalised.

    Self-normalised inverse propensity weighting with popularity as the propensity of being observed (Yang et al. 2018,
    "Unbiased offline recommender evaluation for missing-not-at-random implicit feedback").
    """
    weights = 1.0 / np.maximum(popularity, 1.0)
    return float((values * weights).sum() / weights.sum()) if len(values) else 0.0
