"""Drawing a list position by position, and the probabilities of a given one: the same for every policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ranking.policies.choice import Choice
from ranking.policies.remaining import Options, Remaining


class Draw(Protocol):
    """A policy with its parameters, for one list."""

    def draw(self, position: int, options: Options) -> int:
        """The candidate that the position gets."""

    def probability(self, position: int, options: Options, one: int) -> float:
        """With which the position gets candidate `one`; 0 for one that it cannot get."""


def draw_list(policy: Draw, remaining: Remaining, k: int) -> Choice:
    """At most k candidates; fewer if there are no more."""
    chosen: list[int] = []
    propensities, explored = np.ones(k, dtype=np.float32), np.zeros(k, dtype=np.bool_)
    for position in range(k):
        options = remaining.next()
        if not options.candidates:
            break
        one = policy.draw(position, options) if options.explores else options.candidates[0]
        if options.explores:
            propensities[position] = policy.probability(position, options, one)
            explored[position] = one != options.candidates[0]
        chosen.append(one)
        remaining.take(one)
    m = len(chosen)
    return Choice(np.array(chosen, dtype=np.intp), propensities[:m], explored[:m], remaining.over_cap)


def probabilities(policy: Draw, remaining: Remaining, index: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float32]:
    """Of each candidate of a given list [m], given those above it. An index that is no candidate, such as -1, has 0."""
    out = np.zeros(len(index), dtype=np.float32)
    for position, one in enumerate(np.asarray(index, dtype=np.intp).tolist()):
        options = remaining.next()
        if options.explores:
            out[position] = policy.probability(position, options, one)
        elif options.candidates:
            out[position] = one == options.candidates[0]
        remaining.take(one)
    return out
