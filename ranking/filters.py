"""Filters: what must not be shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.pipeline import Candidates, Query


class SeenFilter:
    """Drops what the user consumed: rated, watched, bought, reviewed or skipped."""

    name = "seen"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        if query.user is None:
            return np.ones(len(candidates), dtype=np.bool_)
        return ~np.isin(self._catalogue.ids[candidates.rows], query.user.consumed)
