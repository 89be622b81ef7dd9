"""How popular an item is, as a score beside those of the sources: what holds for everybody before anything is known of a user.

The towers' scores have no term of the item alone, and neither have votes of a history. On data where most people take what is
popular, that loses to counting. Its weight is chosen on events, like those of the other sources, and is often zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.catalogue import ItemStats

RECENT, EVER = "recent", "ever"  # counted with a half-life, or without


FADES = 5.0  # events of a user, after which half of what newcomers get in addition is left


@dataclass(frozen=True)
class PopularityWeight:
    """How much popularity weighs beside the other sources, which depends on how much is known of the user.

    A short history says little, so a list by it alone is a bad guess. What newcomers get in addition fades as the evidence grows,
    in the way that a prior does in a Bayesian average.
    """

    everybody: float = 0.0
    newcomers: float = 0.0  # before the first event, in addition
    counted: str = RECENT

    def __bool__(self) -> bool:
        return self.everybody > 0 or self.newcomers > 0

    def after(self, n_events: ArrayLike) -> NDArray[np.float32]:
        """The weights of users with so many events [m]."""
        return np.asarray(self.everybody + self.newcomers * FADES / (FADES + np.asarray(n_events)), dtype=np.float32)


def priors(stats: ItemStats) -> Mapping[str, NDArray[np.float32]]:
    """Scores [n] of the catalogue by each way of counting, in units of their spread; zeros where all items are alike.

    Logarithms, because other scores are logits: differences of them are ratios of probabilities.
    """
    return {name: _in_spreads(np.log1p(counts)) for name, counts in ((RECENT, stats.recent), (EVER, stats.users))}


def _in_spreads(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = float(scores.std())
    if not spread:
        return np.zeros_like(scores)
    return np.asarray((scores - scores.mean()) / spread, dtype=np.float32)
