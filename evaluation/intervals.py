"""Intervals of means over groups: by bootstrap, by an inequality that holds for any number of groups, and of shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

_MAX_PICKS = 10_000_000  # group indices in memory at once


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

    Percentile bootstrap over clusters (Efron and Tibshirani 1993). Without queries the interval is all zeros.
    """
    return bootstrap(a - b, groups, draws, level, seed)


def bootstrap(
    values: NDArray[np.float64], groups: NDArray[np.int64], draws: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """The interval of the mean of values [n], resampling whole groups. Memory is bounded however many groups there are."""
    if not len(values):
        return Interval(0.0, 0.0, 0.0)
    _, index = np.unique(groups, return_inverse=True)
    sums = np.bincount(index, weights=values)
    sizes = np.bincount(index).astype(np.float64)
    rng = np.random.default_rng(seed)
    at_once = max(1, _MAX_PICKS // len(sums))
    means = []
    for start in range(0, draws, at_once):
        picks = rng.integers(0, len(sums), size=(min(at_once, draws - start), len(sums)))
        means.append(sums[picks].sum(axis=1) / sizes[picks].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def empirical_bernstein(
    values: NDArray[np.float64], groups: NDArray[np.int64], low: float, high: float, level: float = 0.95
) -> Interval:
    """The interval of the mean of values [n] in [low, high], whose groups are independent; it covers at least at the level.

    The empirical Bernstein bound (Maurer and Pontil 2009, theorem 11), for the groups' sums as shares of all. Much wider than
    the bootstrap, and valid where that is not: few groups, rare large values. Fewer than two groups give the whole range.
    """
    if not len(values):
        return Interval(0.0, 0.0, 0.0)
    _, index = np.unique(groups, return_inverse=True)
    sizes = np.bincount(index).astype(np.float64)
    m, mean = len(sizes), float(values.mean())
    if m < 2 or high <= low:
        return Interval(mean, low, high)
    scaled = np.bincount(index, weights=(values - low) / (high - low)) * m / len(values)  # their mean is that of the values
    widest = float(sizes.max()) * m / len(values)  # the largest that one can be
    log = np.log(4.0 / (1.0 - level))  # each side has half of the error
    reach = np.sqrt(2.0 * scaled.var(ddof=1) * log / m) + 7.0 * widest * log / (3.0 * (m - 1))
    width = float(reach) * (high - low)
    return Interval(mean, max(low, mean - width), min(high, mean + width))


def clustered_share(values: NDArray[np.bool_], groups: NDArray[np.int64], level: float = 0.95) -> Interval:
    """The interval of a share of values [n], whose groups (users) are independent of each other while their values are not.

    Wilson's score interval for as many values as the variance between groups says that there are (Korn and Graubard 1998), at
    least one and at most n. Where all values are the same no variance can be seen, and each group counts as one. Unlike a
    bootstrap it does not collapse there. Without values it is all zeros.
    """
    n = len(values)
    if not n:
        return Interval(0.0, 0.0, 0.0)
    _, index = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(index, weights=values.astype(np.float64)), np.bincount(index).astype(np.float64)
    share, m = float(values.mean()), len(sizes)
    effective = float(m)
    if 0 < share < 1 and m > 1:
        variance = float(((sums - share * sizes) ** 2).sum()) * m / (m - 1) / n**2
        effective = min(float(n), share * (1 - share) / variance) if variance > 0 else float(n)
    effective = max(1.0, effective)
    z = float(ndtri((1 + level) / 2))
    middle = (share + z * z / (2 * effective)) / (1 + z * z / effective)
    reach = z / (1 + z * z / effective) * np.sqrt(share * (1 - share) / effective + z * z / (4 * effective**2))
    return Interval(share, max(0.0, min(share, float(middle - reach))), min(1.0, max(share, float(middle + reach))))
