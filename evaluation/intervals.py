"""Bootstrap intervals for paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """A mean and its two-sided interval."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    groups: NDArray[np.int64],
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of mean(a - b) over queries [n], resampling whole groups (users), whose events are not independent.

    Percentile bootstrap over clusters (Efron and Tibshirani 1993). No queries give an interval of zeros.
    """
    if not len(a):
        return Interval(0.0, 0.0, 0.0)
    _, index = np.unique(groups, return_inverse=True)
    sums = np.bincount(index, weights=a - b)
    sizes = np.bincount(index).astype(np.float64)
    picks = np.random.default_rng(seed).integers(0, len(sums), size=(draws, len(sums)))
    means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float((a - b).mean()), float(low), float(high))
