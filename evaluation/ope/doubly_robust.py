"""Estimators that correct a model of the reward by what was logged.

All arrays are [n]: `weights` and `rewards` as in `evaluation.ope.weighting`, `predicted` is the model's reward of what was shown,
`expected` its mean reward of what the evaluated policy would show. The model's word alone, the mean of `expected`, is the direct
method (DM): as good as the model, because nothing corrects its bias. With cross-fitting (`evaluation.ope.reward_model`) the
model that predicts a user's rewards has not seen them.

Switch-DR and DRos are `doubly_robust` with weights made smaller, which trades variance for some of the model's bias.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def doubly_robust(weights: Floats, rewards: Floats, predicted: Floats, expected: Floats) -> Floats:
    """DR: unbiased if either the propensities or the model are right (Dudik, Langford and Li 2011)."""
    return expected + weights * (rewards - predicted)


def switched(weights: Floats, threshold: float) -> Floats:
    """Of switch-DR: no weight above `threshold`, so the model alone there (Wang, Agarwal and Dudik 2017). At 0 that is DM."""
    return np.where(weights <= threshold, weights, 0.0)


def shrunk(weights: Floats, shrinkage: float) -> Floats:
    """Of DRos, optimistic shrinkage: s w / (w^2 + s) (Su, Dimakopoulou, Krishnamurthy and Dudik 2020).

    With s = 0 that is DM, with s to infinity DR. No weight is above sqrt(s) / 2.
    """
    if math.isinf(shrinkage):
        return weights
    return shrinkage * weights / np.maximum(weights**2 + shrinkage, np.finfo(np.float64).tiny)


def mrdr_importance(weights: Floats, logged: Floats) -> Floats:
    """How much each row counts when the model is fitted for MRDR, more robust doubly robust (Farajtabar, Chow and Ghavamzadeh
    2018): w^2 (1 - p), with p the logging propensity [n].

    This model makes the variance of `doubly_robust` smallest, not its own error. It is the diagonal of the published quadratic
    form, and the whole of it where the evaluated policy is deterministic: (1 - p) / p^2.
    """
    return weights**2 * (1.0 - logged)
