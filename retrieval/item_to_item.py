"""Sparse weights between items: what each item of a user's history says for every other item. Computed, not trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self
from zipfile import BadZipFile

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, load_npz, save_npz

from core import columns as c
from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from core.features import UserFeatures
from core.kinds import TARGETS
from datasets.splits import in_time_order

_FEW_ROWS = 32  # up to which gathering them by hand is faster than building a matrix of them


class ConsumedRows(NamedTuple):
    """m events that consumed an item, by user and in time order within each."""

    users: NDArray[np.int64]
    rows: NDArray[np.intp]  # of the catalogue


class Votes(NamedTuple):
    """The catalogue rows [h] of a user's history that vote, and the weight [h] of each; or [h, m] of each for m items."""

    rows: NDArray[np.intp]
    weights: NDArray[np.float32]


class ItemToItem(ABC):
    """A table of weights [n, n]: row i has what item i says for the others. A user's score of an item is the sum of the votes."""

    def __init__(self, weights: csr_matrix) -> None:
        self.weights = weights

    def __len__(self) -> int:
        """The number of items."""
        return int(self.weights.shape[0])

    @abstractmethod
    def votes(self, user: UserFeatures, catalogue: Catalogue) -> Votes:
        """Which items of the user's history vote."""

    def scores(self, user: UserFeatures | None, catalogue: Catalogue) -> NDArray[np.float32]:
        """The votes for each catalogue row [n]; zeros where no item of the user's history is known."""
        if user is None:
            return np.zeros(len(self), dtype=np.float32)
        return weighted_rows(self.weights, *self.votes(user, catalogue))

    def votes_by_item(self, user: UserFeatures, catalogue: Catalogue, rows: NDArray[np.intp]) -> Votes:
        """The catalogue rows [h] that vote, and how much of the score of each of `rows` [m] is the vote of each: exact parts of
        a sum. `weights` is [h, m]."""
        voters, weights = self.votes(user, catalogue)
        return Votes(voters, self._given(self.weights, voters, rows) * weights[:, None])

    def scores_of(self, users: Sequence[UserFeatures | None], catalogue: Catalogue) -> NDArray[np.float32]:
        """The votes of many users at once [users, n]."""
        nobody = Votes(np.empty(0, np.intp), np.empty(0, np.float32))
        votes = [nobody if user is None else self.votes(user, catalogue) for user in users]
        if not votes:
            return np.zeros((0, len(self)), dtype=np.float32)
        ends = np.append(0, np.cumsum([len(one.rows) for one in votes]))
        entries = np.concatenate([one.weights for one in votes]), np.concatenate([one.rows for one in votes]), ends
        voting = csr_matrix(entries, shape=(len(votes), len(self)), dtype=np.float32)
        return np.asarray((voting @ self.weights).toarray(), dtype=np.float32)

    @staticmethod
    def _given(matrix: csr_matrix, voters: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.asarray(matrix[voters][:, rows].toarray(), dtype=np.float32)

    def moved(self, rows: NDArray[np.intp], n_items: int) -> Self:
        """On a catalogue of `n_items` rows, where these items have `rows` [n]. The other items have no weights."""
        entries = self.weights.tocoo()
        places = rows[entries.row], rows[entries.col]
        return type(self)(csr_matrix((entries.data, places), shape=(n_items, n_items)))

    def save(self, path: Path) -> None:
        save_npz(path, self.weights)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises BundleCorrupt. Nothing is unpickled."""
        try:
            with path.open("rb") as file:
                return cls(load_npz(file).tocsr())
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise BundleCorrupt(f"{path} cannot be read: {error}") from error


def weighted_rows(matrix: csr_matrix, rows: NDArray[np.intp], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum [n] of these rows of a matrix [n, n], each times its weight: what one request waits for."""
    if len(rows) > _FEW_ROWS:
        return np.asarray(matrix[rows].T @ weights, dtype=np.float32)
    starts, lengths = matrix.indptr[rows], matrix.indptr[rows + 1] - matrix.indptr[rows]
    ends = np.cumsum(lengths)
    at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)
    summed = np.bincount(matrix.indices[at], matrix.data[at] * np.repeat(weights, lengths), minlength=matrix.shape[1])
    return summed.astype(np.float32)


def consumed_rows(interactions: pl.DataFrame, catalogue: Catalogue) -> ConsumedRows:
    """What users consumed, from lake rows; events on items outside the catalogue are left out."""
    ordered = in_time_order(interactions.filter(pl.col(c.KIND).is_in(TARGETS)))
    users, rows = ordered[c.USER].to_numpy(), catalogue.rows(ordered[c.ITEM].to_numpy())
    known = np.flatnonzero(rows >= 0)
    by_user = known[np.argsort(users[known], kind="stable")]
    return ConsumedRows(users[by_user], rows[by_user])


def user_items(events: ConsumedRows, n_items: int) -> tuple[csr_matrix, dict[int, int]]:
    """A binary matrix [users, n_items], and which of its rows is which user."""
    ids, index = np.unique(events.users, return_inverse=True)
    matrix = csr_matrix((np.ones(len(index), np.float32), (index, events.rows)), shape=(len(ids), n_items))
    matrix.data[:] = 1.0  # an item consumed twice counts once
    return matrix, {int(user): row for row, user in enumerate(ids)}


def strongest(matrix: csr_matrix, max_entries: int) -> csr_matrix:
    """Each row's `max_entries` entries of the largest magnitude. Changes `matrix`."""
    counts = np.diff(matrix.indptr)
    if not len(counts) or counts.max() <= max_entries:
        return matrix
    kept = np.ones(len(matrix.data), dtype=np.bool_)
    for row in np.flatnonzero(counts > max_entries):
        at = np.arange(matrix.indptr[row], matrix.indptr[row + 1])
        kept[at[np.argsort(-np.abs(matrix.data[at]), kind="stable")[max_entries:]]] = False
    matrix.data[~kept] = 0.0
    matrix.eliminate_zeros()
    return matrix
