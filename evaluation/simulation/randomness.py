"""Stateless random numbers: each is a hash of (seed, stream, ids), so a million users need no memory until they act.

Counter-based generation: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); the mixing function is
SplitMix64 of Steele et al., "Fast splittable pseudorandom number generators" (OOPSLA 2014).
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def uniforms(seed: int, stream: str, *counters: ArrayLike) -> NDArray[np.float64]:
    """In (0, 1), one for each combination of the counters, which broadcast against each other."""
    state = np.asarray([np.uint64(seed) ^ (np.uint64(crc32(stream.encode())) << np.uint64(32))])
    for counter in counters:
        ids: NDArray[np.uint64] = np.asarray(counter).astype(np.uint64)
        state = _mixed(np.bitwise_xor(state, ids, dtype=np.uint64))
    shape = np.broadcast_shapes(*(np.shape(counter) for counter in counters))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5).reshape(shape) * 2.0**-53


def gaussians(seed: int, stream: str, ids: NDArray[np.int64], dims: int) -> NDArray[np.float32]:
    """Standard normal, [n] ids -> [n, dims] (Box and Muller 1958)."""
    columns = np.arange(dims)
    radius = np.sqrt(-2.0 * np.log(uniforms(seed, f"{stream}/radius", ids[:, None], columns)))
    angle = 2.0 * np.pi * uniforms(seed, f"{stream}/angle", ids[:, None], columns)
    return (radius * np.cos(angle)).astype(np.float32)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        state = state + _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
