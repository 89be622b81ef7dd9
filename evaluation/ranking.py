"""Where each query's target ranks, and which rows are shown. All models, scorers and finished lists are ranked here.

A target is ranked among all catalogue rows that its user had not consumed; nothing is sampled. Equal scores are
ordered by a fixed hash of user and item, in ranks and lists alike, so a constant score gives a random order, not file order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.progress import watched
from evaluation.queries import LabelledQuery, ties_for

K = 10  # default length of the shown lists
NOT_FOUND = np.iinfo(np.int64).max  # the rank of an item that is not on a finished list
_BATCH = 256


class CatalogueScorer(Protocol):
    """A model whose scores of the whole catalogue can be ranked."""

    @property
    def name(self) -> str: ...

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        """[m, n] per query and catalogue row, higher is better; consumed items need not be masked.

        A row at minus infinity is never shown.
        """


class Model(CatalogueScorer, Protocol):
    """A model for comparison: a scorer that learns from interactions."""

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        """Learn from lake rows, all of which are earlier than the queries."""


@dataclass(frozen=True, eq=False)
class FixedScores:
    """A scorer that has the same scores [n] for every query, such as popularity."""

    name: str
    of_items: NDArray[np.float32]

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        return np.broadcast_to(self.of_items, (len(queries), len(self.of_items)))


@dataclass(frozen=True, eq=False)
class Ranked:
    """Per query [m]: the rank of its target (from 0), and the top rows shown [m, k], -1 where there were none."""

    ranks: NDArray[np.int64]
    shown: NDArray[np.intp]

    @classmethod
    def empty(cls, n_queries: int, k: int) -> Ranked:
        """Nothing found and nothing shown."""
        return cls(np.full(n_queries, NOT_FOUND, dtype=np.int64), np.full((n_queries, k), -1, dtype=np.intp))


def rank_all(scorer: CatalogueScorer, queries: Sequence[LabelledQuery], catalogue: Catalogue, k: int = K) -> Ranked:
    """Rank each query's target in the whole catalogue by the scores, and show the k best rows.

    Raises InvalidInput that names scorer and user when a score is NaN.
    """
    ranked = Ranked.empty(len(queries), k)
    for start in watched(range(0, len(queries), _BATCH), f"{scorer.name}, batches of {_BATCH} queries"):
        part = queries[start : start + _BATCH]
        scores = np.array(scorer.scores(part), dtype=np.float32)
        if np.isnan(scores).any():
            user = part[int(np.isnan(scores).any(axis=1).argmax())].user_id
            raise InvalidInput(f"score of {scorer.name} for user {user}", float("nan"), "a number for each item")
        ties = np.stack([ties_for(query.user_id, catalogue) for query in part])
        excluded = [query.excluded(catalogue) for query in part]
        targets = np.array([query.target for query in part], dtype=np.intp)
        ranked.ranks[start : start + len(part)] = ranks_of(scores, targets, excluded, ties)
        for row, rows in enumerate(excluded):
            scores[row, rows] = -np.inf
        ranked.shown[start : start + len(part)] = top_rows(scores, ties, k)
    return ranked


def rank_lists(lists: Iterable[NDArray[np.intp]], queries: Sequence[LabelledQuery], name: str = "lists", k: int = K) -> Ranked:
    """Judge finished lists of catalogue rows, best first and one per query; a target that is not on its list is NOT_FOUND."""
    ranked = Ranked.empty(len(queries), k)
    progress = watched(zip(queries, lists, strict=True), name, len(queries))
    for at, (query, rows) in enumerate(progress):
        places = np.flatnonzero(rows == query.target)
        if len(places):
            ranked.ranks[at] = places[0]
        ranked.shown[at, : len(rows[:k])] = rows[:k]
    return ranked


def ranks_of(
    scores: NDArray[np.float32], targets: NDArray[np.intp], excluded: Sequence[NDArray[np.intp]], ties: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Ranks [m] of targets [m] by scores and ties [m, n], lower ties first, among all rows that are not excluded for the query.

    A target that is excluded itself (consumed before) is ranked as if it alone were not excluded. Scores must not be NaN.
    """
    at = np.arange(len(targets))
    own, tie = scores[at, targets][:, None], ties[at, targets][:, None]
    ahead = (scores > own) | ((scores == own) & (ties < tie))
    for row, rows in enumerate(excluded):
        ahead[row, rows] = False
    counted: NDArray[np.int64] = ahead.sum(axis=1)
    return counted


def top_rows(scores: NDArray[np.float32], ties: NDArray[np.uint64], k: int) -> NDArray[np.intp]:
    """The best k rows [m, k] by scores and ties [m, n], best first; -1 where only rows at minus infinity are left."""
    length = min(k, scores.shape[1])
    lowest = -np.partition(-scores, length - 1, axis=1)[:, length - 1]  # the score of the last row shown
    found = np.full((len(scores), k), -1, dtype=np.intp)
    for row, (line, edge) in enumerate(zip(scores, lowest, strict=True)):
        inside = np.flatnonzero((line >= edge) & (line > -np.inf))
        best = inside[np.lexsort((ties[row, inside], -line[inside]))][:length]
        found[row, : len(best)] = best
    return found
