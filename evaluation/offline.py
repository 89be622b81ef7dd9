"""Compares recommenders on the same queries, event by event, so that their differences can be paired.

Progress is shown on a terminal only (tqdm with disable=None).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.catalogue import Catalogue
from evaluation.intervals import Interval, paired_bootstrap
from evaluation.metrics import NOT_FOUND, coverage, hit_rate, ndcg, popularity_debiased, rank_of, reciprocal_rank
from evaluation.queries import LabelledQuery, ties_for

K = 10
# Scores of all catalogue rows [n] for the query at a position: the higher the better, no NaN. Seen rows need no mask.
FullScorer = Callable[[int, LabelledQuery], NDArray[np.float32]]
# Finished list of catalogue rows, best first, for the query at a position.
Lister = Callable[[int, LabelledQuery], NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class Judged:
    """How one recommender did on each query [n], and the top K rows that it showed [n, K]; -1 where it had none."""

    name: str
    ranks: NDArray[np.int64]
    shown: NDArray[np.intp]

    def summary(self, prefix: str, popularity: NDArray[np.float64], n_items: int) -> dict[str, float]:
        """The metrics, each under `prefix` + name. `popularity` [n] is that of each query's target."""
        gains = ndcg(self.ranks, K)
        return {
            f"{prefix}hr@10": float(hit_rate(self.ranks, K).mean()),
            f"{prefix}ndcg@10": float(gains.mean()),
            f"{prefix}mrr": float(reciprocal_rank(self.ranks).mean()),
            f"{prefix}debiased_ndcg@10": popularity_debiased(gains, popularity),
            f"{prefix}coverage@10": coverage(self.shown[self.shown >= 0], n_items),
        }


def judge_full(name: str, queries: Sequence[LabelledQuery], scorer: FullScorer, catalogue: Catalogue) -> Judged:
    """Rank the whole catalogue for each query. Raises ValueError when a score is NaN."""
    ranks = np.empty(len(queries), dtype=np.int64)
    shown = np.full((len(queries), K), -1, dtype=np.intp)
    for at, query in enumerate(tqdm(queries, name, leave=False, disable=None)):
        scores = scorer(at, query)
        if np.isnan(scores).any():
            raise ValueError(f"{name} scored NaN for user {query.user_id}")
        excluded = query.excluded(catalogue)
        ranks[at] = rank_of(scores, query.target, excluded, ties_for(query.user_id, catalogue))
        top = _top(scores, excluded)
        shown[at, : len(top)] = top
    return Judged(name, ranks, shown)


def judge_lists(name: str, queries: Sequence[LabelledQuery], lister: Lister) -> Judged:
    """Judge finished lists of catalogue rows, best first; an item that is not on the list has rank NOT_FOUND."""
    ranks = np.full(len(queries), NOT_FOUND, dtype=np.int64)
    shown = np.full((len(queries), K), -1, dtype=np.intp)
    for at, query in enumerate(tqdm(queries, name, leave=False, disable=None)):
        rows = lister(at, query)
        found = np.flatnonzero(rows == query.target)
        if len(found):
            ranks[at] = found[0]
        shown[at, : len(rows[:K])] = rows[:K]
    return Judged(name, ranks, shown)


def lift(model: Judged, baseline: Judged, queries: Sequence[LabelledQuery]) -> Interval:
    """NDCG@10 of the model minus the baseline's, with a bootstrap interval over users."""
    users = np.array([query.user_id for query in queries], dtype=np.int64)
    return paired_bootstrap(ndcg(model.ranks, K), ndcg(baseline.ranks, K), users)


def markdown(summaries: Mapping[str, Mapping[str, float]]) -> str:
    """A table with a row per recommender."""
    columns = list(next(iter(summaries.values())))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{row[column]:.4f}" for column in columns) + " |" for name, row in summaries.items()]
    return "\n".join(lines) + "\n"


def _top(scores: NDArray[np.float32], excluded: NDArray[np.intp]) -> NDArray[np.intp]:
    open_scores = scores.astype(np.float32, copy=True)
    open_scores[excluded] = -np.inf
    few = min(K, len(scores))
    best = np.argpartition(-open_scores, few - 1)[:few]
    best = best[np.argsort(-open_scores[best], kind="stable")]
    return best[np.isfinite(open_scores[best])]
