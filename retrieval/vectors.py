"""The checks that every vector index applies to its vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput


def check_vectors(item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
    """Raises InvalidInput unless each of n >= 1 distinct ids has one finite vector [d]. One NaN would spoil every ranking."""
    if vectors.ndim != 2 or not len(vectors) or len(item_ids) != len(vectors):
        shapes = f"{item_ids.shape} ids and {vectors.shape} vectors"
        raise InvalidInput("item vectors", shapes, "shapes (n,) and (n, d) with n >= 1")
    if len(np.unique(item_ids)) != len(item_ids):
        raise InvalidInput("item ids", f"{len(item_ids) - len(np.unique(item_ids))} repeated", "distinct ids")
    if not np.isfinite(vectors).all():
        broken = item_ids[~np.isfinite(vectors).all(axis=1)]
        raise InvalidInput("item vectors", f"NaN or infinity for item {broken[0]} and {len(broken) - 1} more", "finite numbers")
