"""What a user was shown of late, and how often without an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from core.catalogue import Catalogue
    from core.features import UserFeatures


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """Impressions of one user [m], in any order."""

    keys: NDArray[np.int64]  # of items
    times: NDArray[np.float64]  # Unix seconds

    @classmethod
    def none(cls) -> Exposure:
        return cls(np.empty(0, np.int64), np.empty(0, np.float64))

    def unanswered(self, catalogue: Catalogue, user: UserFeatures | None, since: float) -> NDArray[np.int64]:
        """How often each catalogue row was shown from `since` (Unix seconds) on, after the user's latest event on it. [n]"""
        rows = catalogue.rows(self.keys)
        if user is not None and len(user.item_ids):
            answered = np.full(len(catalogue), -np.inf)
            known = catalogue.rows(user.item_ids)
            np.maximum.at(answered, known[known >= 0], user.times[known >= 0])
            open_ = self.times > answered[rows]
        else:
            open_ = np.ones(len(rows), dtype=np.bool_)
        return np.bincount(rows[(rows >= 0) & (self.times >= since) & open_], minlength=len(catalogue))
