"""Interactions as matrices: users or queries by catalogue rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core import columns as c
from core.catalogue import Catalogue
from core.kinds import TARGETS
from datasets.splits import in_time_order
from evaluation.queries import LabelledQuery


class Liked(NamedTuple):
    """m events that consumed an item, by user and in time order within each."""

    users: NDArray[np.int64]
    rows: NDArray[np.intp]


def liked(train: pl.DataFrame, catalogue: Catalogue) -> Liked:
    """What users consumed, without unknown items."""
    ordered = in_time_order(train.filter(pl.col(c.KIND).is_in(TARGETS)))
    users, rows = ordered[c.USER].to_numpy(), catalogue.rows(ordered[c.ITEM].to_numpy())
    known = np.flatnonzero(rows >= 0)
    by_user = known[np.argsort(users[known], kind="stable")]
    return Liked(users[by_user], rows[by_user])


def user_items(events: Liked, n_items: int) -> tuple[csr_matrix, dict[int, int]]:
    """A binary matrix [users, n_items], and which of its rows is which user."""
    ids, index = np.unique(events.users, return_inverse=True)
    matrix = csr_matrix((np.ones(len(index), np.float32), (index, events.rows)), shape=(len(ids), n_items))
    matrix.data[:] = 1.0  # an item consumed twice counts once
    return matrix, {int(user): row for row, user in enumerate(ids)}


def query_items(queries: Sequence[LabelledQuery], catalogue: Catalogue) -> csr_matrix:
    """What each query's user had consumed: binary [queries, n_items]."""
    rows = [query.excluded(catalogue) for query in queries]
    indptr = np.append(0, np.cumsum([len(one) for one in rows]))
    columns = np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)
    return csr_matrix((np.ones(len(columns), np.float32), columns, indptr), shape=(len(queries), len(catalogue)))
