"""Which watched things changed: one value for each user, p-values, Holm's correction, and a floor for the effect. Pure.

Events of one user resemble each other, so a test that counts events as independent raises false alarms. Here users are the
sample: events of each user become their mean, and the means of two groups of users are compared. A mean of many events varies
less than one of few, so each mean is of equally many events, in both groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from evaluation.multiple import holm
from evaluation.watched import KIND_OF, USERS

DEPTH_QUANTILE = 0.25  # of users' numbers of events: a quarter of the users, in one group, may have too few and is left out
SCORES = "score"  # of served lists
EXACT_USERS = 1_000  # up to which the p-value is exact; beyond, the limit distribution is as good and far cheaper


@dataclass(frozen=True)
class SignificanceConfig:
    """When a change counts."""

    level: float = 0.01  # probability that a check without any change names one
    min_effect: float = 0.2  # Kolmogorov-Smirnov distance between users' means, 0 to 1, below which nothing counts
    min_users: int = 10  # in either sample; the test is valid with any number, and finds little with few

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

    def counts(self) -> NDArray[np.int64]:
        """How many finite values each user [u] has, of those with any."""
        return np.unique(self.users[np.isfinite(self.values)], return_counts=True)[1]

    def per_user(self, depth: int) -> NDArray[np.float64]:
        """The mean of `depth` finite values, drawn at random, of each user who has as many. [u]."""
        usable = np.flatnonzero(np.isfinite(self.values))
        usable = np.random.default_rng(0).permutation(usable)  # always the same draw, so that a check can be repeated
        usable = usable[np.argsort(self.users[usable], kind="stable")]
        _, first, counts = np.unique(self.users[usable], return_index=True, return_counts=True)
        taken = first[counts >= depth][:, None] + np.arange(depth)
        return np.asarray(self.values[usable[taken]].mean(axis=1))


def per_event(events: Mapping[str, NDArray[np.float64]]) -> dict[str, PerEvent]:
    """The watched features that have a value, of rows [n] such as those of `evaluation.watched.watched_events`. Samples of before
    they had users get one user, who says nothing."""
    values = {name: column for name, column in events.items() if name != USERS and np.isfinite(column).any()}
    users = events[USERS] if USERS in events else np.zeros(max(map(len, values.values()), default=0))
    return {name: PerEvent(users.astype(np.int64), column) for name, column in values.items()}


def chosen(sample: Mapping[str, PerEvent], deciding: bool = True) -> dict[str, PerEvent]:
    """The things of which a change is drift, or the others, of which it is only said that they changed.

    A window of an afternoon differs from a reference of weeks in the hour, always. Kinds of events change with the site's
    buttons, and scores with policies and learned vectors.
    """

    def decides(name: str) -> bool:
        return name not in ("hour", SCORES) and not name.startswith(KIND_OF)

    return {name: one for name, one in sample.items() if decides(name) is deciding}


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
    from scipy.stats import ks_2samp  # half a second and 28 MiB, which only a process that compares should pay

    config = config or SignificanceConfig()
    tested: dict[str, tuple[float, float]] = {}
    untold: dict[str, str] = {}
    for name in sorted({*reference, *current}):
        counts: list[NDArray[np.int64]] = []
        for role, sample in (("reference", reference), ("window", current)):
            if name not in sample:
                untold[name] = f"{name} is missing in the {role}"
                break
            counts.append(sample[name].counts())
            if len(counts[-1]) < config.min_users:
                untold[name] = f"{name} has {len(counts[-1])} users in the {role}, at least {config.min_users} are needed"
                break
        else:
            depth = max(1, int(min(np.quantile(count, DEPTH_QUANTILE) for count in counts)))
            before, now = reference[name].per_user(depth), current[name].per_user(depth)
            result = ks_2samp(before, now, method="exact" if max(len(before), len(now)) <= EXACT_USERS else "asymp")
            tested[name] = float(result.statistic), float(result.pvalue)
    corrected = holm([p for _, p in tested.values()])
    found = {
        name: Change(effect, p, bool(p <= config.level and effect >= config.min_effect))
        for (name, (effect, _)), p in zip(tested.items(), corrected, strict=True)
    }
    return Changes(found, untold)
