"""What a policy chose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Candidates in the order of the list. Columns [m]."""

    index: NDArray[np.intp]  # positions among the candidates
    propensities: NDArray[np.float32]  # of each choice, given the ones above it
    explored: NDArray[np.bool_]  # whether it was not the best remaining candidate
    over_cap: int = 0  # positions at which caps gave way, because they forbade every candidate


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Indexes of the k highest scores, best first; ties keep their order."""
    return np.argsort(-scores, kind="stable")[:k]
