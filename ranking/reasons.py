"""Why a film is on a list: a text for viewers, and a code that can be counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.kinds import KINDS

SIMILAR = 0.5  # minimum cosine at which two films count as similar
POPULAR_SHARE = 0.02  # the most popular share of the catalogue
MAX_REASONS = 2
# By kind code: the value (stars, minutes, 0 for none) from which an event counts as a liking; infinite for kinds that never do.
_ENJOYED_FROM = np.array([np.inf if kind.spec.enjoyed_from is None else kind.spec.enjoyed_from for kind in KINDS], np.float32)


@dataclass(frozen=True, slots=True)
class Explanation:
    """`code` is one of similar, genre, popular, explored; `text` is for people."""

    code: str
    text: str


EXPLORED = Explanation("explored", "Something different: outside your usual picks")


class Explainer:
    """Explains shown items from the user's history and the release's item vectors."""

    def __init__(
        self,
        catalogue: Catalogue,
        stats: ItemStats,
        item_vectors: NDArray[np.float32],
        title_of: Callable[[int], str] | None = None,
    ) -> None:
        """`title_of` gives the current title of a row's item; by default it is the title in the catalogue."""
        self._title_of = title_of or catalogue.titles.__getitem__
        self._catalogue = catalogue
        self._unit = item_vectors / np.maximum(np.linalg.norm(item_vectors, axis=1, keepdims=True), 1e-9)
        threshold = max(1, int(POPULAR_SHARE * len(catalogue)))
        self._popular = frozenset(stats.popular_rows(threshold).tolist())

    def explain(self, user: UserFeatures | None, rows: NDArray[np.intp], explored: NDArray[np.bool_]) -> list[list[Explanation]]:
        """At most two reasons for each shown catalogue row [n]; `explored` [n] marks the items that exploration chose."""
        past = self._liked_rows(user)
        found = []
        for row, was_explored in zip(rows.tolist(), explored.tolist(), strict=True):
            reasons = [EXPLORED] if was_explored and len(past) else []
            reasons += self._similar(row, past) + self._genres(row, user) + self._popularity(row)
            found.append(reasons[:MAX_REASONS])
        return found

    def _liked_rows(self, user: UserFeatures | None) -> NDArray[np.intp]:
        if user is None:
            return np.empty(0, dtype=np.intp)
        rows = self._catalogue.rows(user.item_ids)
        liked: NDArray[np.intp] = rows[(rows >= 0) & (user.values >= _ENJOYED_FROM[user.kinds])]
        return liked

    def _similar(self, row: int, past: NDArray[np.intp]) -> list[Explanation]:
        past = past[past != row]  # a film on the watchlist may be shown, but cannot explain itself
        if not len(past):
            return []
        cosines = self._unit[past] @ self._unit[row]
        best = int(np.argmax(cosines))
        if cosines[best] < SIMILAR:
            return []
        return [Explanation("similar", f"Because you enjoyed {self._title_of(int(past[best]))}")]

    def _genres(self, row: int, user: UserFeatures | None) -> list[Explanation]:
        if user is None or not len(user.genres):
            return []
        favourites = [user.genres[g] for g in np.argsort(-user.genre_weights)[:3]]
        shared = [genre for genre in favourites if genre in self._catalogue.genres_of(row)]
        return [Explanation("genre", f"Matches your taste for {' and '.join(shared[:2])}")] if shared else []

    def _popularity(self, row: int) -> list[Explanation]:
        return [Explanation("popular", "Popular now")] if row in self._popular else []
