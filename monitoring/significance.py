"""Which watched things changed: one value for each user, p-values, Holm's correction, and a floor for the effect. Pure.

Events of one user resemble each other, so a test that counts events as independent raises false alarms. Here users are the
sample: each user's events become their mean, and the means of two groups of users are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from core.errors import InvalidInput


@dataclass(frozen=True)
class SignificanceConfig:
    """When a change counts."""

    level: float = 0.01  # probability that a check without any change names one
    min_effect: float = 0.2  # Kolmogorov-Smirnov distance between users' means, 0 to 1, below which nothing counts
    min_users: int = 30  # in either sample

    def __post_init__(self) -> None:
        for name, value in (("level", self.level), ("min_effect", self.min_effect)):
            if not 0 < value < 1:
                raise InvalidInput(name, value, "between 0 and 1")
        if self.min_users < 2:
            raise InvalidInput("min_users", self.min_users, "at least 2")


@dataclass(frozen=True, eq=False)
class PerEvent:
    """One watched thing: the user [n] and the value [n] of each event; NaN where the event has no value."""

    users: NDArray[np.int64]
    values: NDArray[np.float64]

    def per_user(self) -> NDArray[np.float64]:
        """The mean of each user [u], of those with a finite value."""
        finite = np.isfinite(self.values)
        _, place = np.unique(self.users[finite], return_inverse=True)
        return np.bincount(place, weights=self.values[finite]) / np.bincount(place)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing's comparison. `p_value` is corrected for the number of things."""

    effect: float
    p_value: float
    changed: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What was compared, and why the rest cannot be told."""

    found: Mapping[str, Change]
    untold: Mapping[str, str]


def changes(
    reference: Mapping[str, PerEvent], current: Mapping[str, PerEvent], config: SignificanceConfig | None = None
) -> Changes:
    """Compare every watched thing of the two samples. A thing that cannot be compared is in `untold` with the reason."""
    config = config or SignificanceConfig()
    tested: dict[str, tuple[float, float]] = {}
    untold: dict[str, str] = {}
    for name in sorted({*reference, *current}):
        samples: list[NDArray[np.float64]] = []
        for role, sample in (("reference", reference), ("window", current)):
            if name not in sample:
                untold[name] = f"{name} is missing in the {role}"
                break
            means = sample[name].per_user()
            if len(means) < config.min_users:
                untold[name] = f"{name} has {len(means)} users in the {role}, at least {config.min_users} are needed"
                break
            samples.append(means)
        else:
            result = ks_2samp(*samples)
            tested[name] = float(result.statistic), float(result.pvalue)
    corrected = holm([p for _, p in tested.values()])
    found = {
        name: Change(effect, p, bool(p <= config.level and effect >= config.min_effect))
        for (name, (effect, _)), p in zip(tested.items(), corrected, strict=True)
    }
    return Changes(found, untold)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979): rejecting those <= a level errs at all with at most that probability."""
    order = np.argsort(p_values, kind="stable")
    left = len(p_values) - np.arange(len(p_values))
    stepped = np.minimum(np.maximum.accumulate(np.asarray(p_values, dtype=np.float64)[order] * left), 1.0)
    corrected = np.empty_like(stepped)
    corrected[order] = stepped
    return [float(p) for p in corrected]
