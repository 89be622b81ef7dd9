"""When enough is known of how often an item is accepted: the end of its exploration."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


def bounds(shown: NDArray[np.float32], accepted: NDArray[np.float32], confidence: float) -> Bounds:
    """Lower and upper bound of each item's acceptance [n] (Wilson 1927), from its impressions and how many were accepted.

    0 and 1 for an item that was never shown.
    """
    z, n = NormalDist().inv_cdf(0.5 + confidence / 2.0), shown.astype(np.float64)
    rate = np.divide(accepted, n, out=np.zeros_like(n), where=n > 0)
    centre = (n * rate + z * z / 2.0) / (n + z * z)
    half = z * np.sqrt(n * rate * (1.0 - rate) + z * z / 4.0) / (n + z * z)
    return centre - half, centre + half


def is_decided(
    shown: NDArray[np.float32], accepted: NDArray[np.float32], mean: float, confidence: float, min_impressions: int
) -> NDArray[np.bool_]:
    """Whether the interval of each item's acceptance [n] lies on one side of the `mean` of items like it: better, or worse.

    Never before `min_impressions`, and never while nothing is known of the mean (0): then only the budget ends it. Looked at
    after each impression, an item of just the mean acceptance is decided more often than one interval says.
    """
    low, high = bounds(shown, accepted, confidence)
    return np.asarray((shown >= min_impressions) & (mean > 0) & ((low > mean) | (high < mean)), dtype=np.bool_)
