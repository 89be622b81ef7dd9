"""CUPED (Deng, Xu, Kohavi and Walker, WSDM 2013): what is known of users from before takes away a part of their differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_KNOWN = 30  # users with a past, for the slope to be worth using


def adjusted(values: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values [n] less what the same users' values `before` the experiment explain; NaN for a user without any.

    The mean over all users stays. As the past cannot depend on the variant, differences between variants stay as well, in
    expectation; users without a past get the mean past, which is no adjustment.
    """
    known = ~np.isnan(before)
    if known.sum() < MIN_KNOWN:
        return values
    past = before[known] - before[known].mean()
    variance = float((past**2).mean())
    if variance == 0:
        return values
    slope = float((past * (values[known] - values[known].mean())).mean()) / variance
    explained = np.zeros_like(values)
    explained[known] = slope * past
    return values - explained
