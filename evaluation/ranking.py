"""Exact ranks in the whole catalogue, for many queries at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.ordering import tie_hash
from evaluation.queries import LabelledQuery

SHOWN = 10  # length of the lists whose coverage, novelty and diversity are judged
_BATCH = 256


class Recommender(Protocol):
    """What can be compared: it learns from interactions and scores the whole catalogue."""

    @property
    def name(self) -> str: ...

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        """Learn from lake rows, all of them earlier than the queries."""

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        """[m, n] per query and catalogue row, the higher the better; what the user consumed needs no mask."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Per query [m]: the rank of its target (from 0), and the top rows shown [m, SHOWN], -1 where there were none."""

    ranks: NDArray[np.int64]
    shown: NDArray[np.intp]


def rank_all(model: Recommender, queries: Sequence[LabelledQuery], catalogue: Catalogue) -> Ranked:
    """Rank the target of each query among all rows that its user had not consumed; ties go by a fixed hash.

    Raises InvalidInput that names model and user when a score is NaN.
    """
    ranks = np.empty(len(queries), dtype=np.int64)
    shown = np.full((len(queries), SHOWN), -1, dtype=np.intp)
    for start in tqdm(range(0, len(queries), _BATCH), model.name, leave=False, disable=None):
        part = queries[start : start + _BATCH]
        scores = np.array(model.scores(part), dtype=np.float32)
        if np.isnan(scores).any():
            user = part[int(np.isnan(scores).any(axis=1).argmax())].user_id
            raise InvalidInput(f"score of {model.name} for user {user}", float("nan"), "a number for each item")
        ties = tie_hash(np.array([[query.user_id] for query in part]), catalogue.ids[None, :])
        excluded = [query.excluded(catalogue) for query in part]
        targets = np.array([query.target for query in part], dtype=np.intp)
        ranks[start : start + len(part)] = ranks_of(scores, targets, excluded, ties)
        for row, rows in enumerate(excluded):
            scores[row, rows] = -np.inf
        shown[start : start + len(part)] = _top(scores, ties)
    return Ranked(ranks, shown)


def ranks_of(
    scores: NDArray[np.float32], targets: NDArray[np.intp], excluded: Sequence[NDArray[np.intp]], ties: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Ranks [m] of targets [m] by scores and ties [m, n] among all but the excluded rows; equals `metrics.rank_of` per query."""
    at = np.arange(len(targets))
    own, tie = scores[at, targets][:, None], ties[at, targets][:, None]
    ahead = (scores > own) | ((scores == own) & (ties < tie))
    for row, rows in enumerate(excluded):
        ahead[row, rows] = False
    counted: NDArray[np.int64] = ahead.sum(axis=1)
    return counted


def _top(scores: NDArray[np.float32], ties: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The best SHOWN rows [m, SHOWN], best first; -1 where everything else is excluded."""
    few = min(SHOWN, scores.shape[1])
    edge = -np.partition(-scores, few - 1, axis=1)[:, few - 1]
    found = np.full((len(scores), SHOWN), -1, dtype=np.intp)
    for row, (line, least) in enumerate(zip(scores, edge, strict=True)):
        inside = np.flatnonzero((line >= least) & np.isfinite(line))
        best = inside[np.lexsort((ties[row, inside], -line[inside]))][:few]
        found[row, : len(best)] = best
    return found
