"""Does an effect last? The difference by day since a user's first list of the experiment: what is only new wears off."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from statsmodels.regression.linear_model import WLS

from core import columns as c
from evaluation.acceptance import ACCEPTED
from evaluation.experiments.exposures import FIRST, VARIANT
from evaluation.sequential import Sample

DAY = 86_400.0
MIN_USERS_A_DAY = 20  # of a variant
_TREND_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class DayEffect:
    """The difference from the control on the users' day `day` (0 is the first), and an interval for this day alone."""

    day: int
    mean: float
    low: float
    high: float


def by_day(lists: pl.DataFrame, control: str) -> dict[str, list[DayEffect]]:
    """Of lists with USER, TS, VARIANT, FIRST and ACCEPTED: the effect on each day, by variant, without days with few users."""
    day = ((pl.col(c.TS) - pl.col(FIRST)) // DAY).cast(pl.Int64).alias(c.DAY)
    users = lists.group_by(c.USER, VARIANT, day).agg(pl.col(ACCEPTED).mean())
    found: dict[str, list[DayEffect]] = {name: [] for name in sorted(users[VARIANT].unique()) if name != control}
    for (number,), rows in sorted(users.partition_by(c.DAY, as_dict=True).items()):
        samples = {name: Sample.of(of[ACCEPTED].to_numpy()) for (name,), of in rows.partition_by(VARIANT, as_dict=True).items()}
        for name, effects in found.items():
            if control in samples and name in samples and min(samples[one].n for one in (control, name)) >= MIN_USERS_A_DAY:
                effects.append(_effect(number, samples[name], samples[control]))
    return found


def trend(effects: list[DayEffect]) -> str:
    """Whether the effect grows or wears off, by a line through the days (weighted least squares)."""
    usable = [one for one in effects if one.high > one.low]
    if len(usable) < 4:
        return "cannot tell: fewer than four days"
    days = np.array([one.day for one in usable], dtype=np.float64)
    weights = np.array([1 / (one.high - one.low) ** 2 for one in usable])
    fit = WLS([one.mean for one in usable], np.column_stack([np.ones_like(days), days]), weights).fit()
    if float(fit.pvalues[1]) > _TREND_LEVEL:
        return "steady"
    mean = float(np.average([one.mean for one in usable], weights=weights))
    return "grows" if float(fit.params[1]) * mean > 0 else "wears off"


def _effect(day: int, treated: Sample, control: Sample) -> DayEffect:
    mean = treated.mean - control.mean
    width = 1.96 * math.sqrt(treated.variance / treated.n + control.variance / control.n)
    return DayEffect(day, mean, mean - width, mean + width)
