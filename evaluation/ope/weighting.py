"""Inverse propensity scoring: rewards of what was logged, weighted by how much more often the evaluated policy would show it.

`weights` [n] are the probability of the logged choice under the evaluated policy divided by that under the logging one,
`rewards` [n] what came of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.ope.support import Unsupported

Floats = NDArray[np.float64]


def ips(weights: Floats, rewards: Floats) -> Floats:
    """Unbiased wherever the logging policy could show all that the evaluated one shows (Horvitz and Thompson 1952)."""
    return weights * rewards


def snips(weights: Floats, rewards: Floats) -> Floats:
    """Self-normalised: divided by the mean weight instead of by 1, which it is on average (Swaminathan and Joachims 2015).

    Biased by an order of 1/n, and stable where few weights are large. The values are the linearised ratio. Raises Unsupported
    where every weight is 0.
    """
    if not weights.any():
        raise Unsupported("the mean weight", 0.0, "above 0", "the evaluated policy shows nothing that was logged")
    mean = weights.mean()
    value = (weights @ rewards) / weights.sum()
    return np.asarray(value + weights / mean * (rewards - value))


def clipped_ips(weights: Floats, rewards: Floats, clip: float) -> Floats:
    """With weights of at most `clip`. For rewards of at least 0 it is too low on average, never too high (Ionides 2008)."""
    return np.minimum(weights, clip) * rewards
