"""How popular an item is, as a score beside those of the sources: what holds for everybody before anything is known of a user.

The towers' scores have no term of the item alone, and neither have votes of a history. On data where most people take what is
popular, that loses to counting. Its weight is chosen on events, like those of the other sources, and is often zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.catalogue import ItemStats

RECENT, EVER = "recent", "ever"  # counted with a half-life, or without


def priors(stats: ItemStats) -> Mapping[str, NDArray[np.float32]]:
    """Scores [n] of the catalogue by each way of counting, in units of their spread; zeros where all items are alike.

    Logarithms, because other scores are logits: differences of them are ratios of probabilities.
    """
    return {name: _in_spreads(np.log1p(counts)) for name, counts in ((RECENT, stats.recent), (EVER, stats.n_events))}


def _in_spreads(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = float(scores.std())
    if not spread:
        return np.zeros_like(scores)
    return np.asarray((scores - scores.mean()) / spread, dtype=np.float32)
