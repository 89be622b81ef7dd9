"""The answer for each metric and variant: better, worse, cannot tell, or invalid; why, and how long it will take still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from evaluation.experiments.planning import users_needed
from evaluation.experiments.user_metrics import UserMetric
from evaluation.multiple import holm
from evaluation.sequential import Difference, Sample, difference, p_value

MIN_USERS = 100  # of a variant: with fewer, means are not nearly normal


class Answer(StrEnum):
    """What an experiment says of one metric."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot tell"
    INVALID = "invalid"


@dataclass(frozen=True)
class JudgedVariant:
    """One metric of one variant beside the control. `p_value` is always valid, and corrected for several variants (Holm)."""

    metric: UserMetric
    variant: str
    control_mean: float
    mean: float
    change: Difference | None
    p_value: float | None
    answer: Answer
    why: str
    users_left: int | None = None  # of the whole experiment, until a change that matters would be found

    @property
    def relative(self) -> tuple[float, float, float] | None:
        """The change and its interval as shares of the control's mean."""
        if self.change is None or not self.control_mean:
            return None
        return tuple(value / self.control_mean for value in (self.change.mean, self.change.low, self.change.high))  # type: ignore[return-value]


@dataclass(frozen=True)
class Judging:
    """How certain an answer has to be: see `recommender.experiments.definition.LayeredExperiment`."""

    control: str
    shares: Mapping[str, float]
    min_effect: float = 0.05
    level: float = 0.05
    power: float = 0.8


def judge(
    metric: UserMetric, values: Mapping[str, NDArray[np.float64]], judging: Judging, invalid: str = ""
) -> list[JudgedVariant]:
    """Every other variant against the control, at this look. `values` [n] are users', by variant; `invalid` says why nothing that
    they say can be believed."""
    bounds = (0.0, 1.0) if metric.guardrail else ()  # a failure that nobody has had yet is possible all the same
    samples = {name: Sample.of(values.get(name, np.empty(0)), *bounds) for name in judging.shares}
    control = samples[judging.control]
    others = [name for name in judging.shares if name != judging.control]
    effect = metric.min_effect or judging.min_effect * abs(_pooled_mean(samples)) or 1e-6
    found = {name: p_value(samples[name], control, effect) for name in others if min(samples[name].n, control.n) >= MIN_USERS}
    raw = {name: p for name, p in found.items() if p is not None}
    corrected = dict(zip(raw, holm([*raw.values()]), strict=True))
    return [_judged(metric, name, samples, judging, effect, corrected.get(name), invalid) for name in others]


def _judged(
    metric: UserMetric,
    name: str,
    samples: Mapping[str, Sample],
    judging: Judging,
    effect: float,
    p: float | None,
    invalid: str,
) -> JudgedVariant:
    treated, control = samples[name], samples[judging.control]
    change = difference(treated, control, effect, judging.level)
    answer, why, left = Answer.CANNOT_TELL, "", None
    if invalid:
        answer, why = Answer.INVALID, invalid
    elif p is None or change is None:
        fewest = min(treated.n, control.n)
        why, left = f"{fewest} users in the smaller group; at least {MIN_USERS} are needed", _left(samples, judging, name, effect)
    elif p <= judging.level:
        answer = Answer.BETTER if change.mean * metric.sign > 0 else Answer.WORSE
        why = f"the difference is {change}, p {p:.2g}"
    elif max(abs(change.low), abs(change.high)) < effect:
        why, left = f"no difference of {effect:.3g}, which would matter: it is {change}", 0
    else:
        why, left = f"the difference is {change}, p {p:.2g}; {effect:.3g} would matter", _left(samples, judging, name, effect)
    return JudgedVariant(metric, name, control.mean, treated.mean, change, p, answer, why, left)


def _left(samples: Mapping[str, Sample], judging: Judging, name: str, effect: float) -> int | None:
    """Users of the whole experiment that are needed still, by the spread between users now; None with too few to know it."""
    treated, control = samples[name], samples[judging.control]
    spread = treated.variance / judging.shares[name] + control.variance / judging.shares[judging.control]
    if min(treated.n, control.n) < 2 or spread == 0:
        return None
    try:
        needed = users_needed(spread, effect, judging.level / max(1, len(judging.shares) - 1), judging.power)
    except InvalidInput:
        return None  # more than there are people
    return max(0, needed - sum(sample.n for sample in samples.values()))


def _pooled_mean(samples: Mapping[str, Sample]) -> float:
    users = sum(sample.n for sample in samples.values())
    return sum(sample.n * sample.mean for sample in samples.values()) / users if users else 0.0
