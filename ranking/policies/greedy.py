"""The k best, always: nothing can be learned from its logs about what it did not show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranking.policies.choice import Choice, best


def choose(scores: NDArray[np.float32], k: int) -> Choice:
    """The k highest of scores [n]. Every propensity is 1."""
    index = best(scores, k)
    return Choice(index, np.ones(len(index), dtype=np.float32), np.zeros(len(index), dtype=np.bool_))


def propensities(scores: NDArray[np.float32], index: NDArray[np.intp]) -> NDArray[np.float32]:
    """Of a given list: the probability of each of index [m], positions among the candidates, given those above it; -1 is no
    candidate and has probability 0. [m], 0 or 1."""
    order, taken = best(scores, len(scores)).tolist(), set[int]()
    out = np.zeros(len(index), dtype=np.float32)
    for position, one in enumerate(index.tolist()):
        out[position] = one == next((other for other in order if other not in taken), None)
        taken.add(one)
    return out
