"""New items among the candidates, which exploration has to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class NewItems:
    """Candidates that exploration has to show: their indexes [m], weights [m] above 0 to draw them by, and their share of it."""

    index: NDArray[np.intp]
    weights: NDArray[np.float64]
    share: float


NOTHING_NEW = NewItems(np.empty(0, dtype=np.intp), np.empty(0), 0.0)


def drawn(weights: dict[int, float], where: float) -> int:
    """The item that `where`, from 0 to below 1, falls on when the weights lie side by side."""
    ends = np.cumsum(list(weights.values()))
    return list(weights)[min(int(np.searchsorted(ends, where * ends[-1], side="right")), len(weights) - 1)]
