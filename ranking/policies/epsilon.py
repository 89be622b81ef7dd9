"""Epsilon-greedy, position by position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranking.policies.choice import Choice, best


def choose(scores: NDArray[np.float32], k: int, epsilon: float, pool: int, seed: int) -> Choice:
    """At each position the best remaining candidate, or with probability epsilon one drawn evenly from the remaining pool.

    The pool is the `pool` best of scores [n]; once it is used up, the others follow in order. The propensity of the one chosen,
    given the positions above, is (1 - epsilon) + epsilon / |remaining| for the best and epsilon / |remaining| for any other:
    never 0 inside the pool, so that inverse propensity scoring stays defined (Horvitz and Thompson 1952). The same seed makes the
    same draws, and a longer list begins with the shorter one.
    """
    order = best(scores, max(pool, k)).tolist()
    remaining, others = order[:pool], order[pool:k]
    positions = min(k, len(remaining))
    draws = np.random.default_rng(seed).random((positions, 2))
    chosen: list[int] = []
    propensities = np.empty(positions, dtype=np.float32)
    explored = np.zeros(positions, dtype=np.bool_)
    for position, (coin, where) in enumerate(draws.tolist()):
        share = epsilon / len(remaining)
        place = int(where * len(remaining)) if coin < epsilon else 0
        propensities[position] = share + (1.0 - epsilon if place == 0 else 0.0)
        explored[position] = place != 0
        chosen.append(remaining.pop(place))
    return Choice(
        np.array(chosen + others, dtype=np.intp),
        np.concatenate([propensities, np.ones(len(others), dtype=np.float32)]),
        np.concatenate([explored, np.zeros(len(others), dtype=np.bool_)]),
    )
