"""Item-to-item transitions: which items users consumed soon after which. Counts only, no training.

Counts are worse than the towers on items with many events, and better on items with few events, about which the towers have
learned nothing yet; so both are used (decision 17). A windowed Markov chain: an item's successors are those of the
next `window` events of its user, each by 1 / distance, and a user's latest items vote for their successors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from core.features import UserFeatures
from core.kinds import TARGETS, codes
from retrieval.item_to_item import ItemToItem, Votes, consumed_rows, strongest, weighted_rows

_TAKEN_UP = codes(TARGETS)


@dataclass(frozen=True)
class TransitionModelConfig:
    """Chosen on ML-1M's validation events; also the best of eighteen settings on two sparse sets (docs/benchmarks.md)."""

    window: int = 10  # successors that count as "next", each by 1 / distance
    recent: int = 10  # latest items that vote
    decay: float = 0.6  # of the vote, per step back
    normalise: float = 0.5  # power of a source's total count that its votes are divided by
    max_successors: int = 2_000  # strongest successors kept per item, so that memory grows linearly with the items


class Transitions(ItemToItem):
    """The votes of a user's latest items for the next item."""

    def __init__(self, weights: csr_matrix, config: TransitionModelConfig | None = None) -> None:
        """`weights` [n, n]: row i has the weights of what follows item i."""
        super().__init__(weights)
        self._config = config or TransitionModelConfig()

    @classmethod
    def fit(cls, interactions: pl.DataFrame, catalogue: Catalogue, config: TransitionModelConfig | None = None) -> Transitions:
        """From lake rows; events on items outside the catalogue and those that consume nothing are left out."""
        config = config or TransitionModelConfig()
        users, rows = consumed_rows(interactions, catalogue)
        total = csr_matrix((len(catalogue), len(catalogue)), dtype=np.float32)
        for distance in range(1, min(config.window, max(len(rows) - 1, 0)) + 1):
            same = users[distance:] == users[:-distance]
            pair = rows[:-distance][same], rows[distance:][same]
            total = total + csr_matrix((np.full(len(pair[0]), 1 / distance, np.float32), pair), shape=total.shape)
        mass = np.asarray(total.sum(axis=1)).ravel()
        scale = 1 / np.maximum(mass, 1e-9) ** config.normalise
        return cls(strongest(total.multiply(scale[:, None]).tocsr().astype(np.float32), config.max_successors), config)

    @property
    def config(self) -> TransitionModelConfig:
        return self._config

    @cached_property
    def totals(self) -> NDArray[np.float64]:
        """What all that follows each item was counted, before it was divided by a power of it [n].

        A row of weights sums to total ** (1 - power); where the weakest were cut off, that is a little less.
        """
        return np.asarray(np.asarray(self.weights.sum(axis=1)).ravel() ** (1 / max(1 - self._config.normalise, 1e-9)))

    def votes(self, user: UserFeatures, catalogue: Catalogue) -> Votes:
        """The items that the user consumed last, the latest first."""
        rows = catalogue.rows(user.item_ids)
        taken = rows[(rows >= 0) & np.isin(user.kinds, _TAKEN_UP)]
        latest = taken[-self._config.recent :][::-1]
        return Votes(latest, (self._config.decay ** np.arange(len(latest))).astype(np.float32))


class GrownTransitions(Transitions):
    """A release's transitions, and those that people made since. Only the latter are computed anew when more of them come."""

    def __init__(self, built: Transitions, later: csr_matrix) -> None:
        """`later` [n, n]: counts, as `fit` counts them before it divides by a power of an item's total."""
        super().__init__(built.weights, built.config)
        power = self._config.normalise
        before = built.totals
        now = np.maximum(before + np.asarray(later.sum(axis=1)).ravel(), 1e-9)
        self._kept = ((before / now) ** power).astype(np.float32)  # [n]: what is left of a built weight
        self._later = later.multiply((1 / now**power)[:, None]).tocsr().astype(np.float32)

    def scores(self, user: UserFeatures | None, catalogue: Catalogue) -> NDArray[np.float32]:
        if user is None:
            return super().scores(user, catalogue)
        rows, weights = self.votes(user, catalogue)
        return weighted_rows(self.weights, rows, weights * self._kept[rows]) + weighted_rows(self._later, rows, weights)

    def votes_by_item(self, user: UserFeatures, catalogue: Catalogue, rows: NDArray[np.intp]) -> Votes:
        voters, weights = self.votes(user, catalogue)
        built = self._given(self.weights, voters, rows) * self._kept[voters][:, None]
        return Votes(voters, (built + self._given(self._later, voters, rows)) * weights[:, None])

    def scores_of(self, users: Sequence[UserFeatures | None], catalogue: Catalogue) -> NDArray[np.float32]:
        scores = [self.scores(user, catalogue) for user in users]
        return np.stack(scores) if scores else np.zeros((0, len(self)), dtype=np.float32)
