"""A filter by item facts alone: decided once for a snapshot, so that a request costs one look at a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.live import Snapshot
from recommender.roles import Eligible, Query


def of_catalogue(now: Snapshot, of_facts: NDArray[np.generic]) -> NDArray[np.generic]:
    """Values of the facts' items [m] for the release's rows [n]; zero or False for a row that the facts do not know."""
    at = now.facts.rows(now.catalogue.ids)
    values = np.zeros(len(at), dtype=of_facts.dtype)
    values[at >= 0] = of_facts[at[at >= 0]]
    return values


class AllowedFilter:
    """Drops every item that is not allowed."""

    def __init__(self, name: str, allowed: NDArray[np.bool_]) -> None:
        """`allowed` [n] over the release's rows."""
        self.name = name
        self._allowed = allowed

    @classmethod
    def of(cls, name: str, now: Snapshot, of_facts: NDArray[np.bool_]) -> AllowedFilter:
        """`of_facts` [m] over the items of the snapshot's facts."""
        return cls(name, np.asarray(of_catalogue(now, of_facts), dtype=np.bool_))

    def narrow(self, query: Query, eligible: Eligible) -> None:  # noqa: ARG002 - the role's signature
        eligible &= self._allowed
