"""What a user's history says about tastes, in rows of a release's catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.features import UserFeatures


def liked_rows(user: UserFeatures | None, catalogue: Catalogue) -> NDArray[np.intp]:
    """Rows of what the user liked [m], oldest first; empty for a user never seen."""
    if user is None:
        return np.empty(0, dtype=np.intp)
    rows = catalogue.rows(user.item_ids)
    return np.asarray(rows[(rows >= 0) & user.enjoyed], dtype=np.intp)


def genre_weights(user: UserFeatures | None, catalogue: Catalogue) -> NDArray[np.float32]:
    """The user's decayed affinity with each genre of the catalogue [G]; zeros for a user without any."""
    if user is None:
        return np.zeros(len(catalogue.genre_names), dtype=np.float32)
    known = dict(zip(user.genres, user.genre_weights.tolist(), strict=True))
    return np.array([known.get(name, 0.0) for name in catalogue.genre_names], dtype=np.float32)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors [n, d] at length 1; a vector of zeros stays one."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)
