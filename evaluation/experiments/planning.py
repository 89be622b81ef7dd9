"""How many users, and how many days, until a change that matters is found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.power import tt_ind_solve_power

from core.errors import InvalidInput
from evaluation.sequential import half_width

MAX_USERS = 1e12


@dataclass(frozen=True)
class Baseline:
    """What is known of a metric without an experiment, and of how many different users come within 1, 2, 3, ... days."""

    mean: float
    deviation: float  # between users
    reach: NDArray[np.float64]  # [days], users, ascending


@dataclass(frozen=True)
class ExperimentPlan:
    """Users over all variants. `fixed` looks once, at the end; `sequential` at any time. Days are None where they never come."""

    effect: float  # absolute
    fixed_users: int
    fixed_days: float | None
    sequential_users: int
    sequential_days: float | None


def plan(
    baseline: Baseline,
    control: float,
    treated: float,
    effect: float,
    level: float = 0.05,
    power: float = 0.8,
    comparisons: int = 1,
    exposed: float = 1.0,
) -> ExperimentPlan:
    """For a control and a treated variant with these shares of the experiment's users, an absolute `effect` of the mean, and
    `exposed`, the share of all users who are in the experiment. Raises InvalidInput.
    """
    if effect <= 0 or baseline.deviation <= 0:
        raise InvalidInput("effect and deviation", (effect, baseline.deviation), "above 0: without a difference nothing is found")
    each = level / comparisons
    first = tt_ind_solve_power(
        effect_size=effect / baseline.deviation, alpha=each, power=power, ratio=treated / control, nobs1=None
    )
    fixed = math.ceil(float(np.asarray(first).item()) / control)
    sequential = users_needed(baseline.deviation**2 * (1 / control + 1 / treated), effect, each, power)
    return ExperimentPlan(
        effect, fixed, days_for(fixed / exposed, baseline.reach), sequential, days_for(sequential / exposed, baseline.reach)
    )


def users_needed(variance: float, effect: float, level: float, power: float) -> int:
    """Users with which an interval that holds at every look excludes 0 with probability `power`, where the true difference is
    `effect`; `variance` is that of the difference's estimate times the number of users.
    """

    sure = NormalDist().inv_cdf(power)

    def enough(users: float) -> bool:
        each = variance / users
        return effect - half_width(each, effect, level) >= sure * math.sqrt(each)

    low, high = 1.0, 2.0
    while not enough(high):
        low, high = high, 2 * high
        if high > MAX_USERS:
            raise InvalidInput("effect", effect, f"one that at most {MAX_USERS:g} users can show")
    while high - low > 0.5:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return math.ceil(high)


def days_for(users: float, reach: NDArray[np.float64]) -> float | None:
    """Days until so many different users came; beyond what was seen it goes on at the pace of the last quarter of it."""
    if not len(reach) or reach[-1] <= 0:
        return None
    if users <= reach[-1]:
        return float(np.interp(users, np.concatenate([[0.0], reach]), np.arange(len(reach) + 1)))
    quarter = max(1, len(reach) // 4)
    before = reach[-1 - quarter] if quarter < len(reach) else 0.0
    pace = (reach[-1] - before) / quarter
    return float(len(reach) + (users - reach[-1]) / pace) if pace > 0 else None
