"""What speaks for and against a release that is being let in: its users' lists beside those of the others. Pure.

Users are the sample, because they are what was assigned at random, and a user's lists resemble each other. All comparisons hold
at every look (`evaluation.sequential`), so that they may be made every minute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.errors import InvalidInput
from evaluation.acceptance import ACCEPTED
from evaluation.sequential import Difference, Sample, difference

TREATED = "treated"  # whether a list is of the new release
_ERROR_SCALE = 0.02  # a share of failing lists that matters
_VALUE, _SHOWN = "value", "shown"


@dataclass(frozen=True)
class GuardConfig:
    """What is not accepted of a new release."""

    level: float = 0.05  # probability that a release without a fault is found to have one, over all guards of a step
    margin: float = 0.1  # fall of the acceptance, as a share of it, that must be ruled out before it is production
    max_slowdown: float = 1.5  # times as long as a list of the others

    def __post_init__(self) -> None:
        for name, value in (("level", self.level), ("margin", self.margin)):
            if not 0 < value < 1:
                raise InvalidInput(name, value, "between 0 and 1")
        if self.max_slowdown <= 1:
            raise InvalidInput("max_slowdown", self.max_slowdown, "more than 1")


@dataclass(frozen=True, slots=True)
class Guard:
    """One comparison. `worse`: it is certain that the new release is worse than accepted; None: it cannot be told yet."""

    name: str
    worse: bool | None
    detail: str


@dataclass(frozen=True)
class Evidence:
    """Of one stage, up to now."""

    users: int = 0  # with lists of the new release
    others: int = 0  # with lists of the other one
    lists: int = 0  # of the new release
    guards: tuple[Guard, ...] = ()
    not_inferior: bool | None = None  # whether a fall beyond the margin is ruled out; None: there is no answer to compare yet
    overlap: float | None = None  # in shadow: share of the items that the shown lists had too

    @property
    def worse(self) -> tuple[Guard, ...]:
        """The guards that it does not hold."""
        return tuple(guard for guard in self.guards if guard.worse)

    def as_json(self) -> dict[str, object]:
        """As the ledger keeps it."""
        said = {guard.name: guard.detail for guard in self.guards}
        known = {"users": self.users, "others": self.others, "lists": self.lists, "guards": said}
        return known | ({"overlap": self.overlap} if self.overlap is not None else {})


def of_users(lists: pl.DataFrame, answered: pl.DataFrame, config: GuardConfig, looks: int = 1) -> Evidence:
    """Two groups of users: rows of the lake's `lists`, and of `evaluation.acceptance.answered_lists`, each with TREATED.

    `looks` is the number of stages that share the level.
    """
    level = config.level / (3 * looks)
    errors = lists.with_columns((pl.col(c.FAILED) | pl.col(c.DEGRADED)).cast(pl.Float64).alias(_VALUE))
    slow = lists.with_columns(pl.col(c.SECONDS).clip(1e-6).log().alias(_VALUE))
    taken = answered.with_columns(pl.col(ACCEPTED).cast(pl.Float64).alias(_VALUE))
    reward = {of: Sample.of(values, 0, 1) for of, values in _by_user(taken).items()}
    scale = max(config.margin * reward[False].mean, 1e-3)
    fall = difference(reward[True], reward[False], scale, level)
    guards = (
        _errors({of: Sample.of(values, 0, 1) for of, values in _by_user(errors).items()}, level),
        _slowdown({of: Sample.of(values) for of, values in _by_user(slow).items()}, config.max_slowdown, level),
        _acceptance(fall, reward),
    )
    counts = {of: lists.filter(pl.col(TREATED) == of) for of in (True, False)}
    return Evidence(
        users=counts[True][c.USER].n_unique(),
        others=counts[False][c.USER].n_unique(),
        lists=len(counts[True]),
        guards=guards,
        not_inferior=None if fall is None else fall.low > -config.margin * reward[False].mean,
    )


def of_shadow(lists: pl.DataFrame, config: GuardConfig) -> Evidence:
    """A release in shadow: rows of the lake's `lists`, shadows and those that were shown, which are compared by request."""
    level = config.level / 2
    shadows = lists.filter(pl.col(c.SHADOW))
    shown = lists.filter(~pl.col(c.SHADOW))
    pairs = shadows.join(shown.select(c.REQUEST_ID, pl.col(c.SECONDS).alias(_SHOWN)), on=c.REQUEST_ID)
    ratio = (pl.col(c.SECONDS).clip(1e-6).log() - pl.col(_SHOWN).clip(1e-6).log()).alias(_VALUE)
    slow = Sample.of(_means(pairs.filter(~pl.col(c.FAILED)).with_columns(ratio)))
    failing = Sample.of(_means(shadows.with_columns(pl.col(c.FAILED).cast(pl.Float64).alias(_VALUE))), 0, 1)
    none = Sample(n=max(2, failing.n), mean=0.0, variance=0.0)
    overlap = shadows[c.OVERLAP].drop_nulls().to_numpy()
    return Evidence(
        users=shadows[c.USER].n_unique(),
        others=shown[c.USER].n_unique(),
        lists=len(shadows),
        guards=(
            _errors({True: failing, False: none}, level),
            _slowdown({True: slow, False: Sample(n=max(2, slow.n), mean=0.0, variance=0.0)}, config.max_slowdown, level),
        ),
        overlap=float(overlap.mean()) if len(overlap) else None,
    )


def _errors(samples: Mapping[bool, Sample], level: float) -> Guard:
    more = difference(samples[True], samples[False], _ERROR_SCALE, level)
    shares = f"{samples[True].mean:.2%} of the lists failed or lacked a part, {samples[False].mean:.2%} of the others'"
    return Guard("errors", None if more is None else more.low > 0, shares)


def _slowdown(samples: Mapping[bool, Sample], most: float, level: float) -> Guard:
    longer = difference(samples[True], samples[False], math.log(most), level)
    if longer is None:
        return Guard("latency", None, "too few users")
    bounds = f"[{math.exp(min(longer.low, 9)):.2f}, {math.exp(min(longer.high, 9)):.2f}]"
    return Guard("latency", longer.low > math.log(most), f"{math.exp(longer.mean):.2f} times as long {bounds}, at most {most:g}")


def _acceptance(fall: Difference | None, reward: Mapping[bool, Sample]) -> Guard:
    if fall is None:
        return Guard("acceptance", None, "too few users")
    shares = f"{reward[True].mean:.2%} of a user's lists accepted, {reward[False].mean:.2%} of the others'"
    return Guard("acceptance", fall.high < 0, f"{shares}, difference {fall}")


def _by_user(rows: pl.DataFrame) -> dict[bool, NDArray[np.float64]]:
    """The mean of each user's values, of both groups."""
    return {of: _means(rows.filter(pl.col(TREATED) == of)) for of in (True, False)}


def _means(rows: pl.DataFrame) -> NDArray[np.float64]:
    return rows.group_by(c.USER).agg(pl.col(_VALUE).mean())[_VALUE].to_numpy()
