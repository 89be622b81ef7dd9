"""Lists that are asked for by what they are, and not by who asks: what trends, what is new, what is like an item.

They come from the same snapshot as the lists of the recommender, and keep to what its filters let through.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import columns as c
from recommender.live import Snapshot
from recommender.parts.allowed import of_catalogue
from recommender.parts.trending import TrendingSource
from recommender.roles import Eligible
from retrieval.adapters.mirror import top_rows

NEWEST_PER_PLACE = 10  # of the newest items, among which a user's order decides
_NAMED_PEOPLE, _NAMED_GENRES = 2, 3  # in a reason


class Shelf(NamedTuple):
    """Rows [m] of the release's catalogue, best first, with their scores [m]."""

    rows: NDArray[np.intp]
    scores: NDArray[np.float32]


class Tie(NamedTuple):
    """What two items have in common, in words."""

    code: str
    text: str


class Shelves:
    """The shelves of one snapshot. What they need of it is computed once, when it is needed first."""

    def __init__(self, now: Snapshot) -> None:
        self.now = now

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        """What makes an inner product of two items a cosine, which counts less for items of few events. [n]"""
        lengths = np.sqrt(np.einsum("ij,ij->i", self.now.item_vectors, self.now.item_vectors))
        return np.asarray(_evidence(self.now.stats.n_events) / np.maximum(lengths, 1e-9), dtype=np.float32)

    @cached_property
    def _newest(self) -> NDArray[np.intp]:
        return _newest_first(self.now)

    @cached_property
    def _rising(self) -> TrendingSource:
        return TrendingSource(self.now, len(self.now.catalogue))

    def trending(self, eligible: Eligible, k: int) -> Shelf:
        """What is taken up now more often than it used to be, by how unlikely the rise is; then what is popular."""
        rows = self._rising.rows(eligible, k)
        free = eligible.copy()
        free[rows] = False
        rest = self.now.popularity.best(free, k - len(rows))
        scores = np.concatenate([self._rising.rise[rows], np.zeros(len(rest), dtype=np.float32)])
        return Shelf(np.concatenate([rows, rest]), scores)

    def popular(self, eligible: Eligible, k: int) -> Shelf:
        """What is popular of late, with its interactions, which fade with time."""
        rows = self.now.popularity.best(eligible, k)
        return Shelf(rows, self.now.stats.recent[rows])

    def newest(self, eligible: Eligible, k: int, user: NDArray[np.float32] | None) -> Shelf:
        """The newest items, in the order of a user's vector [d] where there is one, else the newest first."""
        rows = self._newest[eligible[self._newest]]
        if user is None:
            return Shelf(rows[:k], -np.arange(min(k, len(rows)), dtype=np.float32))
        rows = rows[: k * NEWEST_PER_PLACE]
        fits = np.asarray(self.now.item_vectors[rows] @ user, dtype=np.float32)
        best = top_rows(fits, k)
        return Shelf(rows[best], fits[best])

    def similar(self, row: int, eligible: Eligible, k: int) -> Shelf:
        """The nearest items by the cosine of the embeddings, from -1 to 1, which counts less for items of few events."""
        vectors = self.now.item_vectors
        near = (vectors @ (vectors[row] / max(float(np.linalg.norm(vectors[row])), 1e-9))) * self._weights
        others = np.flatnonzero(eligible)
        others = others[others != row]
        best = others[top_rows(near[others], k)]
        return Shelf(best, near[best])

    def ties(self, row: int, other: int) -> list[Tie]:
        """What makes an item like another one, what says most first: never none."""
        catalogue = self.now.catalogue
        found: list[Tie] = []
        if catalogue.series[row] and catalogue.series[row] == catalogue.series[other]:
            found.append(Tie("series", f"Of the same series: {catalogue.series[row]}"))
        if people := [name for name in catalogue.people[row] if name in set(catalogue.people[other])]:
            found.append(Tie("people", f"With {' and '.join(people[:_NAMED_PEOPLE])}"))
        if self.now.transitions is not None and self.now.transitions.weights[row, other] > 0:
            found.append(Tie("next", "People often go on from one to the other"))
        if genres := [name for name in catalogue.genres_of(row) if name in catalogue.genres_of(other)]:
            found.append(Tie("genres", f"Also {', '.join(genres[:_NAMED_GENRES])}"))
        return found or [Tie("taste", "Liked by people with the same taste")]


def _evidence(n_events: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a cosine counts [n]: a third without any event, where the place of an item is a guess from its content; nearly all
    from some dozen events on (significance weighting, Herlocker et al., SIGIR 1999)."""
    return np.asarray((n_events + 1.0) / (n_events + 3.0), dtype=np.float32)


def _newest_first(now: Snapshot) -> NDArray[np.intp]:
    """All rows [n] by when an item may be shown from, then by its year, then by when its id arrived."""
    opened = np.nan_to_num(of_catalogue(now, now.facts.number(c.AVAILABLE_FROM)), nan=-np.inf)
    return np.lexsort((now.catalogue.ids, now.catalogue.years, opened))[::-1]
