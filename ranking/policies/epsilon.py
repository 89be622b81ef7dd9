"""Epsilon-greedy, position by position, with a share of the exploration for new items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.policies.choice import Choice, best


@dataclass(frozen=True, slots=True, eq=False)
class NewItems:
    """Candidates that exploration has to show: their indexes [m], weights [m] above 0 to draw them by, and their share of it."""

    index: NDArray[np.intp]
    weights: NDArray[np.float64]
    share: float


NOTHING_NEW = NewItems(np.empty(0, dtype=np.intp), np.empty(0), 0.0)


def choose(scores: NDArray[np.float32], k: int, epsilon: float, pool: int, seed: int, new: NewItems = NOTHING_NEW) -> Choice:
    """At each position the best remaining candidate, or with probability epsilon an explored one.

    What is explored is drawn evenly from the remaining pool, the `pool` best of scores [n]. While there are `new` items outside
    the pool, their share of the exploration goes to one of them, drawn by its weight. Once the pool is used up, the others follow
    in order. The propensity of a choice, given the positions above, is its exact probability. With s the share of new items it is
    (1 - epsilon) for the best of the pool, plus epsilon (1 - s) / |remaining| for each of the pool, and epsilon s w / (sum of w)
    for a new one: never 0 inside the pool or for a new item, so that inverse propensity scoring stays defined (Horvitz and
    Thompson 1952). The same seed makes the same draws, and a longer list begins with the shorter one.
    """
    order = best(scores, max(pool, k)).tolist()
    remaining = order[:pool]
    outside = ~np.isin(new.index, remaining)
    fresh, weights = new.index[outside].tolist(), new.weights[outside].tolist()
    draws = np.random.default_rng(seed).random((k, 2))
    chosen: list[int] = []
    propensities, explored = np.ones(k, dtype=np.float32), np.zeros(k, dtype=np.bool_)
    for position, (coin, where) in enumerate(draws.tolist()):
        if not remaining:
            break
        share = new.share if fresh else 0.0
        if coin < epsilon and where < share:
            place = _drawn(weights, where / share)
            propensities[position] = epsilon * share * weights[place] / sum(weights)
            explored[position] = True
            weights.pop(place)
            chosen.append(fresh.pop(place))
            continue
        of_each = epsilon * (1.0 - share) / len(remaining)
        place = int((where - share) / (1.0 - share) * len(remaining)) if coin < epsilon else 0
        propensities[position] = of_each + (1.0 - epsilon if place == 0 else 0.0)
        explored[position] = place != 0
        chosen.append(remaining.pop(place))
    taken = set(chosen)
    chosen += [one for one in order[pool:] if one not in taken][: k - len(chosen)]
    return Choice(np.array(chosen, dtype=np.intp), propensities[: len(chosen)], explored[: len(chosen)])


def _drawn(weights: list[float], where: float) -> int:
    """The place that `where`, from 0 to below 1, falls on when the weights lie side by side."""
    ends = np.cumsum(weights)
    return min(int(np.searchsorted(ends, where * ends[-1], side="right")), len(weights) - 1)
