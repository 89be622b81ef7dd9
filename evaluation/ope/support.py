"""What the logs can tell about a policy: how much of them it would have shown, and how evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MarqueeError

Floats = NDArray[np.float64]


class Unsupported(MarqueeError):
    """The logs do not say what the policy would earn. `field`, `value` and `allowed` name the condition that they do not meet."""

    status = 422
    slug = "logs-do-not-tell"
    title = "The logs cannot tell what this policy would do"

    def __init__(self, field: str, value: Any, allowed: str, why: str) -> None:
        shown = f"{value:.3g}" if isinstance(value, float) else repr(value)
        super().__init__(f"{field} is {shown}; allowed: {allowed}: {why}", field=field, value=shown, allowed=allowed)
        self.field = field


@dataclass(frozen=True)
class SupportConfig:
    """What is asked of logs before anything is concluded from them."""

    min_lists: int = 200
    min_users: int = 30
    min_effective: float = 100.0  # effective sample size of the lists' weights
    max_weight_share: float = 0.05  # of all weight, on one list
    max_impossible: float = 0.5  # share of the logged impressions that the policy gives probability 0
    max_unseen: float = 0.05  # share of the policy's own lists that the logging policy gives probability 0
    min_reproduced: float = 0.5  # share of the logged lists whose logged propensities a replay of the logging policy gives again


@dataclass(frozen=True)
class Support:
    """Of n lists with weights [n]."""

    lists: int
    users: int
    impressions: int
    effective: float  # lists without weights that would say as much: (sum w)^2 / sum w^2 (Kish 1965)
    mean_weight: float  # 1 on average, where the logging policy could show all that the evaluated one shows
    max_weight: float
    weight_share: float  # of all weight, on the list with the largest
    clipped: float  # share of the lists whose weight the clipped estimator cuts
    impossible: float  # share of the impressions that the evaluated policy gives probability 0, given the items above
    unseen: float | None = (
        None  # share of the evaluated policy's lists that the logging policy cannot make; None: it is not known
    )
    reproduced: float | None = None  # share of the lists for which the logging policy gives the logged propensities again
    stored: float = 0.0  # share of the lists that were judged by what they were drawn from, and not by a replay


def support_of(
    weights: Floats,
    evaluated: Floats,
    shown: NDArray[np.bool_],
    users: NDArray[np.int64],
    clip: float,
    unseen: float | None = None,
    reproduced: float | None = None,
    stored: float = 0.0,
) -> Support:
    """`weights` [n] of whole lists; `evaluated` [n, K] propensities of the evaluated policy where `shown` [n, K] is set."""
    total, squares = float(weights.sum()), float((weights**2).sum())
    largest = float(weights.max(initial=0.0))
    impressions = int(shown.sum())
    return Support(
        lists=len(weights),
        users=len(np.unique(users)),
        impressions=impressions,
        effective=total**2 / squares if squares else 0.0,
        mean_weight=total / max(len(weights), 1),
        max_weight=largest,
        weight_share=largest / total if total else 1.0,
        clipped=float((weights > clip).mean()) if len(weights) else 0.0,
        impossible=float((shown & (evaluated <= 0)).sum()) / max(impressions, 1),
        unseen=unseen,
        reproduced=reproduced,
        stored=stored,
    )


def check(found: Support, config: SupportConfig = SupportConfig()) -> None:
    """Raises Unsupported for the first condition that the logs do not meet."""
    if found.lists < config.min_lists:
        raise Unsupported("lists", found.lists, f"at least {config.min_lists}", "there is too little to judge by")
    if found.users < config.min_users:
        raise Unsupported("users", found.users, f"at least {config.min_users}", "an interval over users needs users")
    if found.reproduced is not None and found.reproduced < config.min_reproduced:
        why = "a replay does not see what the requests saw then (constraints, or statistics and vectors that moved on)"
        raise Unsupported("reproduced lists", found.reproduced, f"at least {config.min_reproduced:g}", why)
    if found.impossible > config.max_impossible:
        why = "the policy would not have shown what was logged, so the answers say nothing about it"
        raise Unsupported("impressions of probability 0", found.impossible, f"at most {config.max_impossible:g}", why)
    if found.unseen is not None and found.unseen > config.max_unseen:
        why = "the logging policy never shows what this policy would show, as a policy without exploration does not"
        raise Unsupported("lists that cannot be logged", found.unseen, f"at most {config.max_unseen:g}", why)
    if found.effective < config.min_effective:
        why = "nearly all weight is on a few lists"
        raise Unsupported("effective sample size", found.effective, f"at least {config.min_effective:g} lists", why)
    if found.weight_share > config.max_weight_share:
        why = "one list decides the estimate"
        raise Unsupported("share of the largest weight", found.weight_share, f"at most {config.max_weight_share:g}", why)


def check_propensities(propensities: Floats) -> None:
    """Raises Unsupported unless all of them [m] are probabilities above 0."""
    bad = ~((propensities > 0) & (propensities <= 1))
    if bad.any():
        why = f"{int(bad.sum()):,} of {len(bad):,} impressions have no propensity; it cannot be added to past traffic"
        raise Unsupported("propensity", float(propensities[bad][0]), "above 0 to 1", why)
