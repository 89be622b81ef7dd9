"""The k best, always: nothing can be learned from its logs about what it did not show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranking.policies.choice import Choice, best


def choose(scores: NDArray[np.float32], k: int) -> Choice:
    """The k highest of scores [n]. Every propensity is 1."""
    index = best(scores, k)
    return Choice(index, np.ones(len(index), dtype=np.float32), np.zeros(len(index), dtype=np.bool_))
