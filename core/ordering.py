"""A fixed hash that breaks ties. File order leaks: in MovieLens every tied pair stands in ascending item id."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def tie_hash(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A pseudo-random uint64 per (user, item), equal on every run and machine. Inputs broadcast."""
    with np.errstate(over="ignore"):
        u = _mix(np.asarray(users).astype(np.uint64) + _GOLDEN)
        return _mix(u ^ (np.asarray(items).astype(np.uint64) * _GOLDEN))


def chronological(ts: NDArray[np.float64], users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.intp]:
    """Row order by time, ties by `tie_hash`. Shapes [n] -> [n]."""
    return np.lexsort((tie_hash(users, items), ts))
