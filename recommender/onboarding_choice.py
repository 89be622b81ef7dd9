"""Which items to show a new user to ask what they like: those whose answers are expected to say most about their taste.

The user's vector is a Gaussian unknown, and an answer about an item measures its inner product with the item's vector. An answer
only comes from somebody who knows the item, so the expected information of an item is the probability that it is known times
the entropy that an answer would take away. Items are added one after the other (Bayesian D-optimal design: Chaloner and
Verdinelli, Statistical Science 1995; for recommenders: Rashid et al., IUI 2002, who weigh popularity against entropy by hand).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranking.unit_vectors import unit
from recommender.live import Snapshot
from recommender.roles import Eligible

_POOL = 500  # of the most popular items: an unknown one is never the most informative
_NOISE = 0.25  # variance of an answer, where the prior's variance along an item's vector is 1


def worth_asking(now: Snapshot, eligible: Eligible, k: int) -> NDArray[np.intp]:
    """The k eligible catalogue rows to ask about, in the order in which they were chosen; fewer if there are no more."""
    rows = _best_known(now, eligible)
    if not len(rows):
        return rows
    known = now.stats.n_events[rows] / max(float(now.stats.n_events[rows].max()), 1.0)
    vectors = unit(now.item_vectors[rows] - now.item_vectors.mean(axis=0)).astype(np.float64)
    covariance = np.eye(vectors.shape[1])
    chosen: list[int] = []
    free = np.ones(len(rows), dtype=np.bool_)
    for _ in range(min(k, len(rows))):
        spread = np.einsum("ij,jk,ik->i", vectors, covariance, vectors)  # variance of each answer that is not noise
        gain = np.where(free, known * np.log1p(np.maximum(spread, 0.0) / _NOISE), -np.inf)
        best = int(np.argmax(gain))
        chosen.append(best)
        free[best] = False
        covariance = _after(covariance, vectors[best], float(known[best]))
    return np.asarray(rows[chosen], dtype=np.intp)


def _best_known(now: Snapshot, eligible: Eligible) -> NDArray[np.intp]:
    """The eligible rows with the most events so far."""
    order = np.argsort(-now.stats.n_events, kind="stable")
    return np.asarray(order[eligible[order]][:_POOL], dtype=np.intp)


def _after(covariance: NDArray[np.float64], vector: NDArray[np.float64], known: float) -> NDArray[np.float64]:
    """The covariance [d, d] after an answer about an item that is known with a probability (Sherman and Morrison)."""
    towards = covariance @ vector
    return covariance - known * np.outer(towards, towards) / (_NOISE + float(vector @ towards))
