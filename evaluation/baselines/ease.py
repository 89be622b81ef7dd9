"""EASE: a linear item-to-item model with a zero diagonal, in closed form (Steck, WWW 2019)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from core.machine import available_memory
from evaluation.baselines.interactions import liked, query_items, user_items
from evaluation.does_not_fit import DoesNotFit
from evaluation.queries import LabelledQuery

_BLOCK = 512  # rows that are processed at once
_PAIR = 12  # bytes for a pair of items: 8 for the Gram matrix, which is inverted in place, and 4 for the weights
_ITEM = 32 * _BLOCK  # bytes for an item: the copies of a block
_FIXED = 64 << 20  # bytes


@dataclass(frozen=True)
class EaseConfig:
    """`regularisation` is lambda, the ridge on the Gram matrix."""

    regularisation: float = 200.0


class Ease:
    """Scores are the user's consumed items times the item-to-item weights."""

    name = "ease"

    def __init__(self, config: EaseConfig | None = None) -> None:
        self.config = config or EaseConfig()

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        """Raises DoesNotFit for a catalogue whose inverse would not fit into the memory that is available."""
        need, available = memory_of(len(catalogue)), available_memory()
        if need > available:
            raise DoesNotFit(len(catalogue), _max_items(available), need, available)
        self._catalogue = catalogue
        matrix, _ = user_items(liked(train, catalogue), len(catalogue))
        self._weights = _weights(_gram(matrix, self.config.regularisation))

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = query_items(queries, self._catalogue) @ self._weights
        return found


def memory_of(items: int) -> int:
    """Maximum number of bytes that fitting a catalogue of `items` items takes."""
    return _PAIR * items**2 + _ITEM * items + _FIXED


def _max_items(available: int) -> int:
    """The largest catalogue whose `memory_of` is at most `available` bytes."""
    rest = max(0, available - _FIXED)
    return int((math.sqrt(_ITEM**2 + 4 * _PAIR * rest) - _ITEM) / (2 * _PAIR))


def _gram(matrix: csr_matrix, ridge: float) -> NDArray[np.float64]:
    """How often two items were taken up by one user, and the ridge on the diagonal; made block by block. [n, n]"""
    n = matrix.shape[1]
    gram = np.empty((n, n))
    by_item = matrix.T.tocsr()
    for start in range(0, n, _BLOCK):
        gram[start : start + _BLOCK] = (by_item[start : start + _BLOCK] @ matrix).toarray()
    gram[np.diag_indices_from(gram)] += ridge
    return gram


def _weights(gram: NDArray[np.float64]) -> NDArray[np.float32]:
    """The inverse of a positive definite matrix, by Cholesky in its own memory, scaled to a zero diagonal. Overwrites `gram`."""
    # the transpose is the same matrix in the order that LAPACK works on without a copy
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
