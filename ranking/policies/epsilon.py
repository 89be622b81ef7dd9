"""Epsilon-greedy, position by position, with a share of the exploration for new items."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from ranking.policies.caps import Caps
from ranking.policies.choice import Choice
from ranking.policies.drawing import draw_list, probabilities
from ranking.policies.new_items import NOTHING_NEW, NewItems, drawn
from ranking.policies.remaining import Options, Remaining


def choose(
    scores: NDArray[np.float32],
    k: int,
    epsilon: float,
    pool: int,
    seed: int,
    new: NewItems = NOTHING_NEW,
    slots: Collection[int] | None = None,
    caps: Caps | None = None,
) -> Choice:
    """At each position the best remaining candidate, or with probability epsilon an explored one.

    What is explored is drawn evenly from the remaining pool, the `pool` best of scores [n]. While there are `new` items, in the
    pool or outside, their share of the exploration goes to one of them, drawn by its weight. Once the pool is used up, the others
    follow in order. `slots` are the positions that explore, from 0; the others are greedy; every position if left out. The
    propensity of a choice, given the positions above, is its exact probability. With s the new share
    it is the sum of (1 - epsilon) for the best of the pool, epsilon (1 - s) / |remaining| for each of the pool, and
    epsilon s w / (sum of w) for a new one: never 0 inside the pool or for a new item, so that inverse propensity scoring stays
    defined (Horvitz and Thompson 1952). The same seed makes the same draws, and a longer list begins with the shorter one.
    """
    draws = np.random.default_rng(seed).random((k, 2)).tolist()
    return draw_list(_Epsilon(epsilon, new.share, slots, draws), Remaining(scores, pool, new, caps), k)


def propensities(
    scores: NDArray[np.float32],
    index: NDArray[np.intp],
    epsilon: float,
    pool: int,
    new: NewItems = NOTHING_NEW,
    slots: Collection[int] | None = None,
    caps: Caps | None = None,
) -> NDArray[np.float32]:
    """The probability [m] of each candidate of a given list `index` [m], given those above it; 0 for what is no candidate."""
    return probabilities(_Epsilon(epsilon, new.share, slots), Remaining(scores, pool, new, caps), index)


class _Epsilon:
    def __init__(
        self, epsilon: float, new_share: float, slots: Collection[int] | None, draws: list[list[float]] | None = None
    ) -> None:
        self._epsilon = epsilon
        self._new_share = new_share
        self._slots = slots
        self._draws = draws or []

    def draw(self, position: int, options: Options) -> int:
        coin, where = self._draws[position]
        if coin >= self._epsilon:
            return options.candidates[0]
        epsilon, share = self._rates(position, options)
        if coin >= epsilon:
            return options.candidates[0]
        if where < share:
            return drawn(options.new, where / share)
        return options.candidates[int((where - share) / (1.0 - share) * len(options.candidates))]

    def probability(self, position: int, options: Options, one: int) -> float:
        epsilon, share = self._rates(position, options)
        probability = 1.0 - epsilon if one == options.candidates[0] else 0.0
        if one in options.new:
            probability += epsilon * share * options.new[one] / sum(options.new.values())
        if one in options.candidates:
            probability += epsilon * (1.0 - share) / len(options.candidates)
        return probability

    def _rates(self, position: int, options: Options) -> tuple[float, float]:
        explores = self._slots is None or position in self._slots
        return self._epsilon if explores else 0.0, self._new_share if options.new else 0.0
