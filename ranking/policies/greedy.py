"""The k best, always: nothing can be learned from its logs about what it did not show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranking.policies.caps import Caps
from ranking.policies.choice import Choice, best
from ranking.policies.drawing import draw_list, probabilities
from ranking.policies.remaining import Options, Remaining


def choose(scores: NDArray[np.float32], k: int, caps: Caps | None = None) -> Choice:
    """The k highest of scores [n] that no cap forbids. Every propensity is 1."""
    if caps is not None:
        return draw_list(_Greedy(), Remaining(scores, len(scores), caps=caps), k)
    index = best(scores, k)
    return Choice(index, np.ones(len(index), dtype=np.float32), np.zeros(len(index), dtype=np.bool_))


def propensities(scores: NDArray[np.float32], index: NDArray[np.intp], caps: Caps | None = None) -> NDArray[np.float32]:
    """1 for each candidate of a given list `index` [m] that is the best of those not above it, otherwise 0. [m]"""
    return probabilities(_Greedy(), Remaining(scores, len(scores), caps=caps), index)


class _Greedy:
    def draw(self, position: int, options: Options) -> int:  # noqa: ARG002 - one signature for every policy
        return options.candidates[0]

    def probability(self, position: int, options: Options, one: int) -> float:  # noqa: ARG002
        return float(one == options.candidates[0])
