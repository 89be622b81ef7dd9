"""Many questions at once: p-values corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979): rejecting those <= a level errs at all with at most that probability."""
    order = np.argsort(p_values, kind="stable")
    left = len(p_values) - np.arange(len(p_values))
    stepped = np.minimum(np.maximum.accumulate(np.asarray(p_values, dtype=np.float64)[order] * left), 1.0)
    corrected = np.empty_like(stepped)
    corrected[order] = stepped
    return [float(p) for p in corrected]
