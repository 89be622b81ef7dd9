"""Item-to-item transitions: which items users consumed soon after which. Counts only, no training.

Counts are worse than the towers on items with many events, and better on items with few events, about which the towers have
learned nothing yet; so both are used (decision 17). A windowed Markov chain: an item's successors are those of the
next `window` events of its user, each by 1 / distance, and a user's latest items vote for their successors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, load_npz, save_npz

from core import columns as c
from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from core.features import UserFeatures
from core.kinds import TARGETS, codes
from datasets.splits import in_time_order

_TAKEN_UP = codes(TARGETS)


@dataclass(frozen=True)
class TransitionModelConfig:
    """Chosen on ML-1M's validation events; also the best of eighteen settings on two sparse sets (docs/benchmarks.md)."""

    window: int = 10  # successors that count as "next", each by 1 / distance
    recent: int = 10  # latest items that vote
    decay: float = 0.6  # of the vote, per step back
    normalise: float = 0.5  # power of a source's total count that its votes are divided by
    max_successors: int = 2_000  # strongest successors kept per item, so that memory grows linearly with the items


class Transitions:
    """The votes of a user's latest items for the next item."""

    def __init__(self, successors: csr_matrix, config: TransitionModelConfig | None = None) -> None:
        """`successors` [n, n]: row i has the weights of what follows item i."""
        self._successors = successors
        self._config = config or TransitionModelConfig()

    @classmethod
    def fit(cls, interactions: pl.DataFrame, catalogue: Catalogue, config: TransitionModelConfig | None = None) -> Transitions:
        """From lake rows; events on items outside the catalogue and those that consume nothing are left out."""
        config = config or TransitionModelConfig()
        users, rows = _consumed_rows(interactions, catalogue)
        total = csr_matrix((len(catalogue), len(catalogue)), dtype=np.float32)
        for distance in range(1, min(config.window, max(len(rows) - 1, 0)) + 1):
            same = users[distance:] == users[:-distance]
            pair = rows[:-distance][same], rows[distance:][same]
            total = total + csr_matrix((np.full(len(pair[0]), 1 / distance, np.float32), pair), shape=total.shape)
        mass = np.asarray(total.sum(axis=1)).ravel()
        scale = 1 / np.maximum(mass, 1e-9) ** config.normalise
        return cls(_strongest(total.multiply(scale[:, None]).tocsr().astype(np.float32), config.max_successors), config)

    def __len__(self) -> int:
        """The number of items."""
        return int(self._successors.shape[0])

    def scores(self, user: UserFeatures | None, catalogue: Catalogue) -> NDArray[np.float32]:
        """The votes for each catalogue row [n]; zeros where no item of the user's history is known."""
        out = np.zeros(len(self), dtype=np.float32)
        matrix = self._successors
        for row, weight in self._votes(user, catalogue):
            at = slice(matrix.indptr[row], matrix.indptr[row + 1])
            out[matrix.indices[at]] += np.float32(weight) * matrix.data[at]
        return out

    def scores_of(self, users: Sequence[UserFeatures | None], catalogue: Catalogue) -> NDArray[np.float32]:
        """The votes of many users at once [users, n]."""
        return np.stack([self.scores(user, catalogue) for user in users]) if users else np.zeros((0, len(self)), np.float32)

    def moved(self, rows: NDArray[np.intp], n_items: int) -> Transitions:
        """On a catalogue of `n_items` rows, where these items have `rows` [n]. The other items have no transitions."""
        entries = self._successors.tocoo()
        places = rows[entries.row], rows[entries.col]
        return Transitions(csr_matrix((entries.data, places), shape=(n_items, n_items)), self._config)

    def save(self, path: Path) -> None:
        save_npz(path, self._successors)

    @classmethod
    def load(cls, path: Path) -> Transitions:
        """Raises BundleCorrupt. Nothing is unpickled."""
        try:
            with path.open("rb") as file:
                return cls(load_npz(file).tocsr())
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise BundleCorrupt(f"{path} cannot be read: {error}") from error

    def _votes(self, user: UserFeatures | None, catalogue: Catalogue) -> list[tuple[int, float]]:
        """Row and weight of the items that the user consumed last, the latest first."""
        if user is None:
            return []
        rows = catalogue.rows(user.item_ids)
        taken = rows[(rows >= 0) & np.isin(user.kinds, _TAKEN_UP)]
        latest = taken[-self._config.recent :][::-1].tolist()
        return [(row, self._config.decay**back) for back, row in enumerate(latest)]


def _consumed_rows(interactions: pl.DataFrame, catalogue: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Users [m] and catalogue rows [m] of what users consumed, by user and in time order within each."""
    ordered = in_time_order(interactions.filter(pl.col(c.KIND).is_in(TARGETS)))
    users, rows = ordered[c.USER].to_numpy(), catalogue.rows(ordered[c.ITEM].to_numpy())
    known = np.flatnonzero(rows >= 0)
    by_user = known[np.argsort(users[known], kind="stable")]
    return users[by_user], rows[by_user]


def _strongest(matrix: csr_matrix, max_entries: int) -> csr_matrix:
    """Each row's `max_entries` largest entries."""
    counts = np.diff(matrix.indptr)
    if not len(counts) or counts.max() <= max_entries:
        return matrix
    kept = np.ones(len(matrix.data), dtype=np.bool_)
    for row in np.flatnonzero(counts > max_entries):
        at = np.arange(matrix.indptr[row], matrix.indptr[row + 1])
        kept[at[np.argsort(-matrix.data[at], kind="stable")[max_entries:]]] = False
    matrix.data[~kept] = 0.0
    matrix.eliminate_zeros()
    return matrix
