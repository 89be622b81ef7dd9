"""The histories of queries as a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from evaluation.queries import LabelledQuery


def query_items(queries: Sequence[LabelledQuery], catalogue: Catalogue) -> csr_matrix:
    """What each query's user had consumed: binary [queries, n_items]."""
    rows = [query.excluded(catalogue) for query in queries]
    indptr = np.append(0, np.cumsum([len(one) for one in rows]))
    columns = np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)
    return csr_matrix((np.ones(len(columns), np.float32), columns, indptr), shape=(len(queries), len(catalogue)))
