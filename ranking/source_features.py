"""What the order of the candidate sources says of one candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Columns = dict[str, NDArray[np.generic] | float]  # features by name; one number stands for a whole column

TOWERS, SEGMENT = "two_tower", "popular_segment"
VOTES = {"transitions": "transition", "ease": "ease"}  # how the features of a source's votes begin
SOURCE_FEATURES: tuple[str, ...] = (
    "retrieval_found",
    "retrieval_standard_score",
    "transition_standard_score",
    "ease_standard_score",
    "segment_found",
    "order_score",
    "order_gap",
    "order_reciprocal_rank",
    "best_reciprocal_rank",
    "source_count",
)
ORDER_SCORE = "order_score"  # what the order of all sources together says
_STANDARD = {TOWERS: "retrieval", **VOTES}
_OPINIONS = ("score", "reciprocal_rank", "standard_score")
# What the sources think of a candidate: with all else alike, more of it must not make a candidate worse.
RISING = frozenset(f"{source}_{name}" for source in _STANDARD.values() for name in _OPINIONS) | {
    ORDER_SCORE,
    "order_gap",
    "order_reciprocal_rank",
    "best_reciprocal_rank",
}


@dataclass(frozen=True, eq=False)
class SourceOrder:
    """How the sources find n candidates, and in which order their scores alone would put them."""

    scores: Mapping[str, Floats] = field(default_factory=dict)  # [n] by source, NaN where it did not find the item
    standard: Mapping[str, Floats] = field(default_factory=dict)  # [n] in units of the source's spread over the catalogue
    blended: Floats | None = None  # [n] the scores of all sources together

    def of(self, source: str, n: int) -> Floats:
        """A source's scores [n]; all NaN for one that was not asked."""
        return self.scores.get(source, np.full(n, np.nan, dtype=np.float32))


def source_features(order: SourceOrder, ranks: Mapping[str, Floats], n: int) -> Columns:
    """Columns [n] by the names of `SOURCE_FEATURES`; what no source says anything of is left out, and so 0.

    `ranks` [n] are the reciprocal ranks of each source's scores.
    """
    columns: Columns = {
        "retrieval_found": ~np.isnan(order.of(TOWERS, n)),
        "segment_found": ~np.isnan(order.of(SEGMENT, n)),
    }
    columns |= {f"{_STANDARD[name]}_standard_score": scores for name, scores in order.standard.items() if name in _STANDARD}
    if ranks:
        columns["best_reciprocal_rank"] = np.max(list(ranks.values()), axis=0)
        columns["source_count"] = np.sum([found > 0 for found in ranks.values()], axis=0)
    if order.blended is not None and n:
        columns["order_score"] = order.blended
        columns["order_gap"] = order.blended - order.blended.max()
        columns["order_reciprocal_rank"] = reciprocal_ranks(order.blended)
    return columns


def reciprocal_ranks(scores: Floats, constant: float = 0.0) -> Floats:
    """1 / (constant + rank) for each of the scores [n], the first of equal ones first; 0 where a score is NaN."""
    ranks = np.zeros(len(scores), dtype=np.float32)
    found = np.flatnonzero(~np.isnan(scores))
    ranks[found[np.argsort(-scores[found], kind="stable")]] = 1.0 / (constant + np.arange(1, len(found) + 1))
    return ranks
