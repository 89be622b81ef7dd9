"""Selectors: the final order, exploration, and the propensity of each choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from core.pipeline import Candidates, Query


class GreedySelector:
    """The k best. Every propensity is 1: nothing can be learned from its logs about what it did not show."""

    name = "greedy"

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        best = candidates.take(_best(candidates.scores, query.k))
        return replace(best, propensities=np.ones(len(best), dtype=np.float32))


class EpsilonSelector:
    """At each slot the best remaining candidate, or with probability epsilon one drawn evenly from the remaining pool.

    The pool is the `pool` best candidates (at least k). The propensity of the one chosen, given the slots above, is
    (1 - epsilon) + epsilon / |remaining| for the best and epsilon / |remaining| for any other: never 0 inside the pool, so
    that inverse propensity scoring stays defined (Horvitz and Thompson 1952). Draws come from `query.seed`.
    """

    name = "epsilon"

    def __init__(self, epsilon: float, pool: int) -> None:
        if not 0.0 <= epsilon < 1.0:
            raise InvalidInput("exploration", epsilon, "0 to less than 1")
        if pool < 1:
            raise InvalidInput("selector.pool", pool, "1 or more")
        self._epsilon = epsilon
        self._pool = pool

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        remaining = _best(candidates.scores, max(self._pool, query.k)).tolist()
        slots = min(query.k, len(remaining))
        draws = np.random.default_rng(query.seed).random((slots, 2))
        chosen: list[int] = []
        propensities = np.empty(slots, dtype=np.float32)
        for slot, (coin, where) in enumerate(draws.tolist()):
            explore = self._epsilon / len(remaining)
            place = int(where * len(remaining)) if coin < self._epsilon else 0
            propensities[slot] = explore + (1.0 - self._epsilon if place == 0 else 0.0)
            chosen.append(remaining.pop(place))
        return replace(candidates.take(np.array(chosen, dtype=np.intp)), propensities=propensities)


def _best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Indexes of the k highest scores, best first; ties keep their order."""
    return np.argsort(-scores, kind="stable")[:k]
