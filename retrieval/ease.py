"""EASE: a linear item-to-item model with a zero diagonal, in closed form (Steck, WWW 2019).

Every item of a user's whole history votes, whatever its place in it. Where people consume much and order says little (music,
groceries) this predicts better than the towers and better than transitions, so all three are blended (decision 18).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from core.features import UserFeatures
from core.kinds import REFUSING, TARGETS, codes
from core.machine import available_memory
from retrieval.item_to_item import ItemToItem, Votes, consumed_rows, user_items

log = logging.getLogger(__name__)
_TAKEN_UP, _REFUSED = codes(TARGETS), codes(REFUSING)
_BLOCK = 512  # rows that are processed at once
_PAIR = 12  # bytes for a pair of items: 8 for the Gram matrix, which is inverted in place, and 4 for the weights
_ITEM = 32 * _BLOCK  # bytes for an item: the copies of a block
_FIXED = 64 << 20  # bytes


@dataclass(frozen=True)
class EaseTableConfig:
    """What is kept of the weights, so that the table stays small and its computation takes seconds (it grows cubically)."""

    max_items: int = 10_000  # those with the most consumers have weights: half a minute on two cores
    max_neighbours: int = 300  # of an item, by magnitude; all of them are no better on any set (docs/benchmarks.md)


class EaseTable(ItemToItem):
    """The votes of everything that a user consumed."""

    @classmethod
    def fit(
        cls,
        interactions: pl.DataFrame,
        catalogue: Catalogue,
        regularisations: Sequence[float],
        config: EaseTableConfig | None = None,
    ) -> dict[float, EaseTable]:
        """A table for each ridge (lambda in the paper), from lake rows.

        Items beyond `max_items`, or beyond what the free memory holds, and those with a single consumer have no weights.
        """
        config = config or EaseTableConfig()
        n = len(catalogue)
        matrix, _ = user_items(consumed_rows(interactions, catalogue), n)
        used = _used(matrix, min(config.max_items, max_items_in(available_memory() // 2)))
        if not len(used):
            return {ridge: cls(csr_matrix((n, n), dtype=np.float32)) for ridge in regularisations}
        gram = gram_of(matrix[:, used])
        tables = {}
        for ridge in regularisations:
            dense = ease_weights(gram.copy() if len(regularisations) > 1 else gram, ridge)
            small = _sparse(dense, config.max_neighbours).tocoo()
            tables[ridge] = cls(csr_matrix((small.data, (used[small.row], used[small.col])), shape=(n, n)))
        return tables

    def votes(self, user: UserFeatures, catalogue: Catalogue) -> Votes:
        """Everything that the user consumed, and what else of the latest events was taken up, each once and without order."""
        taken = np.union1d(user.consumed, user.item_ids[np.isin(user.kinds, _TAKEN_UP)])
        refused = user.item_ids[np.isin(user.kinds, _REFUSED)]
        rows = catalogue.known_rows(np.setdiff1d(taken, refused) if len(refused) else taken)
        return Votes(rows, np.ones(len(rows), dtype=np.float32))


def memory_of(items: int) -> int:
    """Maximum number of bytes that computing the weights of `items` items takes."""
    return _PAIR * items**2 + _ITEM * items + _FIXED


def max_items_in(available: int) -> int:
    """The largest number of items whose `memory_of` is at most `available` bytes."""
    rest = max(0, available - _FIXED)
    return int((math.sqrt(_ITEM**2 + 4 * _PAIR * rest) - _ITEM) / (2 * _PAIR))


def gram_of(matrix: csr_matrix) -> NDArray[np.float64]:
    """How often two items were consumed by one user, of a binary matrix [users, n]; made block by block. [n, n]"""
    n = matrix.shape[1]
    gram = np.empty((n, n))
    by_item = matrix.T.tocsr()
    for start in range(0, n, _BLOCK):
        gram[start : start + _BLOCK] = (by_item[start : start + _BLOCK] @ matrix).toarray()
    return gram


def ease_weights(gram: NDArray[np.float64], ridge: float) -> NDArray[np.float32]:
    """EASE's weights [n, n] of a Gram matrix [n, n] with a ridge on its diagonal. Overwrites `gram`."""
    from scipy.linalg.lapack import dpotrf, dpotri  # to train; whoever serves has the table only

    gram[np.diag_indices_from(gram)] += ridge
    # by Cholesky in its own memory; the transpose is the same matrix in the order that LAPACK works on without a copy
    factor, failed = dpotrf(gram.T, lower=1, clean=0, overwrite_a=1)
    half, failed = dpotri(factor, lower=1, overwrite_c=1) if not failed else (factor, failed)
    if failed:
        raise np.linalg.LinAlgError(f"the Gram matrix is not positive definite (row {failed})")
    diagonal = np.ascontiguousarray(np.diag(half))
    weights = np.empty(half.shape, dtype=np.float32)
    for start in range(0, len(half), _BLOCK):
        rows = slice(start, start + _BLOCK)
        below = half[start:, rows]  # of the lower triangle, apart from the block on the diagonal
        weights[start:, rows] = below / -diagonal[rows]
        weights[rows, start:] = below.T / -diagonal[start:]
        block = np.tril(half[rows, rows])
        weights[rows, rows] = (block + np.tril(block, -1).T) / -diagonal[rows]
    np.fill_diagonal(weights, 0.0)
    return weights


def _used(matrix: csr_matrix, max_items: int) -> NDArray[np.intp]:
    """The columns [m] that get weights, ascending: at most `max_items`, those with the most consumers, and at least two."""
    consumers = np.asarray(matrix.sum(axis=0)).ravel()
    order = np.argsort(-consumers, kind="stable")
    shared = order[: int((consumers > 1).sum())]
    if len(shared) > max_items:
        log.warning(
            "EASE weighs the %d most consumed items of %d; the others are left to the other sources", max_items, len(shared)
        )
    return np.sort(shared[:max_items])


def _sparse(weights: NDArray[np.float32], max_neighbours: int) -> csr_matrix:
    """Each row's `max_neighbours` largest in magnitude."""
    if weights.shape[1] <= max_neighbours:
        return csr_matrix(weights)
    at = np.argpartition(-np.abs(weights), max_neighbours - 1, axis=1)[:, :max_neighbours]
    ends = np.arange(len(weights) + 1) * max_neighbours
    return csr_matrix((np.take_along_axis(weights, at, axis=1).ravel(), at.ravel(), ends), shape=weights.shape)
