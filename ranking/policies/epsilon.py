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

    What is explored is drawn evenly from the remaining pool, the `pool` best of scores [n]. While there are `new` items, in the
    pool or outside, their share of the exploration goes to one of them, drawn by its weight. Once the pool is used up, the others
    follow in order. The propensity of a choice, given the positions above, is its exact probability. With s the new share
    it is the sum of (1 - epsilon) for the best of the pool, epsilon (1 - s) / |remaining| for each of the pool, and
    epsilon s w / (sum of w) for a new one: never 0 inside the pool or for a new item, so that inverse propensity scoring stays
    defined (Horvitz and Thompson 1952). The same seed makes the same draws, and a longer list begins with the shorter one.
    """
    order = best(scores, max(pool, k)).tolist()
    remaining = order[:pool]
    weights: dict[int, float] = dict(zip(new.index.tolist(), new.weights.tolist(), strict=True))
    chosen: list[int] = []
    propensities, explored = np.ones(k, dtype=np.float32), np.zeros(k, dtype=np.bool_)
    for position, (coin, where) in enumerate(np.random.default_rng(seed).random((k, 2)).tolist()):
        if not remaining:
            break
        share, leader = new.share if weights else 0.0, remaining[0]
        if coin < epsilon and where < share:
            one = _drawn(weights, where / share)
        else:
            one = remaining[int((where - share) / (1.0 - share) * len(remaining))] if coin < epsilon else leader
        propensities[position], explored[position] = _take(one, remaining, weights, epsilon, share), one != leader
        chosen.append(one)
    taken = set(chosen)
    chosen += [one for one in order[pool:] if one not in taken][: k - len(chosen)]
    return Choice(np.array(chosen, dtype=np.intp), propensities[: len(chosen)], explored[: len(chosen)])


def propensities(
    scores: NDArray[np.float32], index: NDArray[np.intp], epsilon: float, pool: int, new: NewItems = NOTHING_NEW
) -> NDArray[np.float32]:
    """Of a given list: the probability with which `choose` shows each of index [m], positions among the candidates, given those
    above it. [m]; 0 for what it cannot show there, and for -1, which is no candidate."""
    order = best(scores, len(scores)).tolist()
    remaining, behind, taken = order[:pool], order[pool:], set[int]()
    weights: dict[int, float] = dict(zip(new.index.tolist(), new.weights.tolist(), strict=True))
    out = np.zeros(len(index), dtype=np.float32)
    for position, one in enumerate(index.tolist()):
        if remaining:
            out[position] = _take(one, remaining, weights, epsilon, new.share if weights else 0.0)
        else:
            out[position] = one == next((other for other in behind if other not in taken), None)
        taken.add(one)
    return out


def _take(one: int, remaining: list[int], weights: dict[int, float], epsilon: float, share: float) -> float:
    """The probability that a candidate is next, `remaining` in order and the new items' `weights`; it is taken out of both."""
    probability = 1.0 - epsilon if one == remaining[0] else 0.0
    if one in weights:
        probability += epsilon * share * weights[one] / sum(weights.values())
        del weights[one]
    if one in remaining:
        probability += epsilon * (1.0 - share) / len(remaining)
        remaining.remove(one)
    return probability


def _drawn(weights: dict[int, float], where: float) -> int:
    """The item that `where`, from 0 to below 1, falls on when the weights lie side by side."""
    ends = np.cumsum(list(weights.values()))
    return list(weights)[min(int(np.searchsorted(ends, where * ends[-1], side="right")), len(weights) - 1)]
