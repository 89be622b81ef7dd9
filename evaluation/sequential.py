"""Comparing two groups of users while they grow: intervals that hold at every look, so that nobody has to wait for a sample size.

An interval that is right at one look is wrong somewhere with near certainty if it is looked at every minute. These are right at
all looks together, with the probability that was asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from core.errors import InvalidInput


class Sample(BaseModel):
    """What is known of a quantity of `n` users, one value each."""

    model_config = ConfigDict(frozen=True)

    n: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: NDArray[np.float64], low: float | None = None, high: float | None = None) -> Sample:
        """Of values [n]. Those between `low` and `high` get two more, one at each end, for the variance alone: all values of a
        small sample may be equal, and their variance is not 0 for that."""
        n = len(values)
        if n == 0:
            return cls(n=0, mean=0.0, variance=0.0)
        mean = float(values.mean())
        squares = float(((values - mean) ** 2).sum())
        if low is not None and high is not None:
            return cls(n=n, mean=mean, variance=(squares + (mean - low) ** 2 + (mean - high) ** 2) / (n + 2))
        return cls(n=n, mean=mean, variance=squares / max(1, n - 1))


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of one group minus that of another, and where the true difference lies."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def difference(treated: Sample, control: Sample, scale: float, level: float = 0.05) -> Difference | None:
    """The difference of two means with its always-valid interval; None while one group has fewer than two users.

    With probability 1 - `level` the true difference is within the intervals of all looks together. It is the interval of the
    mixture sequential probability ratio test with a normal mixture (Johari, Pekelis and Walsh, 2017), for means that are
    nearly normal. `scale` is the size of a difference that matters: there the interval is narrowest. Raises InvalidInput.
    """
    if scale <= 0 or not 0 < level < 1:
        raise InvalidInput("scale and level", (scale, level), "a scale above 0, a level between 0 and 1")
    if min(treated.n, control.n) < 2:
        return None
    mean = treated.mean - control.mean
    width = half_width(_variance(treated, control), scale, level)
    return Difference(mean, mean - width, mean + width)


def half_width(variance: float, scale: float, level: float) -> float:
    """Half of the interval of `difference`, for a difference whose estimate has this `variance`."""
    if variance == 0:
        return 0.0
    mixture = scale**2
    return math.sqrt(
        variance * (variance + mixture) / mixture * (2 * math.log(1 / level) + math.log((variance + mixture) / variance))
    )


def p_value(treated: Sample, control: Sample, scale: float) -> float | None:
    """The smallest level whose interval, see `difference`, does not hold 0: an always-valid p-value (Johari et al., 2017).

    With probability 1 - a it is above a at all looks, where there is no difference. None while a group has fewer than two users.
    """
    if min(treated.n, control.n) < 2:
        return None
    mean, variance, mixture = treated.mean - control.mean, _variance(treated, control), scale**2
    if variance == 0:
        return 1.0 if mean == 0 else 0.0
    odds = 0.5 * math.log((variance + mixture) / variance) - mixture * mean**2 / (2 * variance * (variance + mixture))
    return math.exp(min(0.0, odds))


def _variance(treated: Sample, control: Sample) -> float:
    return treated.variance / treated.n + control.variance / control.n
