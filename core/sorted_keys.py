"""Looking keys up in an array that is sorted: the row of each key, for a catalogue, for item facts, for a simulated world."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def rows_of(keys: NDArray[np.int64], wanted: ArrayLike) -> NDArray[np.intp]:
    """The row of each wanted key [m] in `keys` [n], which ascend; -1 for one that is not there. Shape [m]."""
    asked = np.asarray(wanted, dtype=np.int64)
    if not len(keys):
        return np.full(asked.shape, -1, dtype=np.intp)
    at = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
    return np.where(keys[at] == asked, at, -1)
