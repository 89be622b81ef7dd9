"""When enough is known of how often an item is accepted: the end of its exploration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Z = 1.96  # of a 95 % interval


def half_width(shown: NDArray[np.float32], accepted: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of the 95 % interval of each item's acceptance [n] (Wilson 1927), from its impressions and how many were accepted.

    0.5 for an item that was never shown.
    """
    n, square = shown.astype(np.float64), Z * Z
    rate = np.divide(accepted, n, out=np.zeros_like(n), where=n > 0)
    return np.asarray(Z * np.sqrt(n * rate * (1.0 - rate) + square / 4.0) / (n + square), dtype=np.float64)


def is_certain(
    shown: NDArray[np.float32], accepted: NDArray[np.float32], mean: float, precision: float, min_impressions: int
) -> NDArray[np.bool_]:
    """Whether the half-width of each item's interval [n] is at most `precision` times the `mean` acceptance of items like it.

    Never before `min_impressions`, and never while nothing is known of the mean (0): then only the budget ends it.
    """
    return np.asarray((shown >= min_impressions) & (mean > 0) & (half_width(shown, accepted) <= precision * mean), dtype=np.bool_)
