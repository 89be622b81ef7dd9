"""Better, worse, or it cannot be told: what is concluded from the logs about a policy, and how many more of them would tell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from evaluation.intervals import Interval, bootstrap
from evaluation.ope.support import Support, SupportConfig, Unsupported, check

Floats = NDArray[np.float64]
_ROUNDING = 1e-12


class Answer(StrEnum):
    """Of the evaluated policy beside the one that made the logs."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class VerdictConfig:
    """What is asked of a verdict."""

    support: SupportConfig = field(default_factory=SupportConfig)
    level: float = 0.95  # of the interval of the gain: 1 - level is how often a policy without a gain gets a verdict
    effect: float = 0.05  # the smallest gain that matters, as a share of what the logs earned
    power: float = 0.8  # probability with which the impressions asked for would show such a gain
    draws: int = 2000  # of the bootstrap

    def __post_init__(self) -> None:
        for name, value in (("level", self.level), ("effect", self.effect), ("power", self.power)):
            if not 0 < value < 1:
                raise InvalidInput(name, value, "between 0 and 1")


@dataclass(frozen=True)
class PolicyVerdict:
    """`gain` is what the evaluated policy earns a list beyond what was earned; None where the logs do not support an estimate."""

    answer: Answer
    why: str
    gain: Interval | None = None
    more_impressions: int | None = None  # that would tell a gain or loss that matters; None: it is told, or no number would

    def line(self) -> str:
        """For people."""
        more = f"; about {self.more_impressions:,} more impressions would tell" if self.more_impressions else ""
        return f"{self.answer}: {self.why}{more}"


def verdict(
    values: Floats,
    rewards: Floats,
    users: NDArray[np.int64],
    found: Support,
    config: VerdictConfig = VerdictConfig(),
) -> PolicyVerdict:
    """Of an estimator's values [n] and the logged rewards [n] of the same lists, which are compared in pairs."""
    try:
        check(found, config.support)
    except Unsupported as error:
        return PolicyVerdict(Answer.CANNOT_TELL, error.detail, more_impressions=_until_supported(found, config.support, error))
    gains = np.where(np.abs(values - rewards) < _ROUNDING, 0.0, values - rewards)
    gain = bootstrap(gains, users, config.draws, config.level)
    logged = float(rewards.mean())
    said = f"the gain a list is {gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] on {logged:.4f}"
    if gain.low > 0:
        return PolicyVerdict(Answer.BETTER, said, gain)
    if gain.high < 0:
        return PolicyVerdict(Answer.WORSE, said, gain)
    if gain.low == gain.high == 0:
        return PolicyVerdict(Answer.CANNOT_TELL, "both policies do the same on these lists", gain)
    return PolicyVerdict(Answer.CANNOT_TELL, f"{said}, so it may be none", gain, _until_told(gain, logged, found, config))


def _until_told(gain: Interval, logged: float, found: Support, config: VerdictConfig) -> int | None:
    """Impressions beyond these until a gain that matters is told: the sample size of a test of one mean (Cohen 1988), with the
    standard error that the interval has."""
    matters = config.effect * logged
    if matters <= 0:
        return None
    two_sided = NormalDist().inv_cdf((1 + config.level) / 2)
    error = (gain.high - gain.low) / (2 * two_sided)
    needed = found.impressions * ((two_sided + NormalDist().inv_cdf(config.power)) * error / matters) ** 2
    return max(math.ceil(needed) - found.impressions, 0) or None


def _until_supported(found: Support, config: SupportConfig, error: Unsupported) -> int | None:
    """Impressions beyond these until there are as many lists, users or effective lists as asked for, at the present rates."""
    shares = {
        "lists": found.lists / config.min_lists,
        "users": found.users / config.min_users,
        "effective sample size": found.effective / config.min_effective,
        "share of the largest weight": config.max_weight_share / found.weight_share,
    }
    share = shares.get(error.field, 0.0)
    return math.ceil(found.impressions * (1 / share - 1)) if share > 0 and found.impressions else None
