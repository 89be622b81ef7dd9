"""What is said about an item of a list: a text for people, a code that can be counted, and how much of the score it is.

Every reason stands on an input that the list was made from; `recommender.explaining` measures them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.features import UserFeatures

HISTORY, EXPLORED, POPULAR, NEW, TASTE, TOLD, USER = "history", "explored", "popular", "new", "taste", "told", "user"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason. `effect` is in units of the list's scores: what the item's score would lack without it; None where it has no
    number. `item` is the key of the item of the history that it names."""

    code: str
    text: str
    item: int | None = None
    effect: float | None = None


class FeatureGroup(NamedTuple):
    """Features of the ranker that mean one thing to people: those that have one of these words in their name."""

    code: str
    words: frozenset[str]
    text: str


# The first group that fits a feature has it. What the history says is measured by leaving it out, and named by its items.
GROUPS = (
    FeatureGroup(TASTE, frozenset({"genre", "affinity"}), "Fits the genres that you take up"),
    FeatureGroup(USER, frozenset({"user", "session", "hour", "weekday"}), "Fits how you use this service"),
    FeatureGroup("rating", frozenset({"rating"}), "How it is rated counts in its favour"),
    FeatureGroup(POPULAR, frozenset({"popularity", "trend"}), "How popular it is counts in its favour"),
    FeatureGroup("year", frozenset({"year", "decade", "age"}), "From years that suit what you take up"),
    FeatureGroup(NEW, frozenset({"cold", "new"}), "New here"),
    FeatureGroup(
        HISTORY,
        frozenset({"retrieval", "cosine", "transition", "ease", "order", "best", "source"}),
        "Goes with what you took up lately",
    ),
)
OTHER = FeatureGroup("other", frozenset(), "Other things that are known of it count in its favour")


def group_of(feature: str) -> FeatureGroup:
    """What a feature of the ranker stands for."""
    words = set(feature.split("_"))
    return next((group for group in GROUPS if words & group.words), OTHER)


def by_group(names: Sequence[str], contributions: NDArray[np.float32]) -> Mapping[FeatureGroup, NDArray[np.float32]]:
    """Contributions [m, len(names)] of features, summed within each group [m]."""
    sums: dict[FeatureGroup, NDArray[np.float32]] = {}
    for name, column in zip(names, contributions.T, strict=True):
        group = group_of(name)
        sums[group] = sums[group] + column if group in sums else column
    return sums


def enjoyed(user: UserFeatures, item: int) -> bool:
    """Whether an event of the user's history says that the user liked the item (its key)."""
    at = user.item_ids == item
    return bool(user.enjoyed[at].any())
