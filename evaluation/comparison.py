"""Recommenders on the same folds and queries, judged and compared pairwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from evaluation import beyond
from evaluation.intervals import Interval, bootstrap, paired_bootstrap
from evaluation.metrics import hit_rate, ndcg, popularity_debiased, reciprocal_rank
from evaluation.protocols import Fold
from evaluation.queries import LabelledQuery
from evaluation.ranking import Ranked, Recommender, rank_all

CUTOFFS = (10, 20, 100, 200)
K = 10

# Makes a fresh recommender for a fold; several folds never share what one of them learned.
Make = Callable[[], Recommender]


@dataclass(frozen=True, eq=False)
class Pooled:
    """The queries of all folds, with what their folds' training knew: target's and catalogue's event counts."""

    users: NDArray[np.int64]  # [m]
    target_counts: NDArray[np.float64]  # [m] events of the target in training; 0 is a cold item
    is_warm_user: NDArray[np.bool_]  # [m] whether anything was known of the user


@dataclass(frozen=True, eq=False)
class Outcome:
    """How one recommender did on the pooled queries."""

    name: str
    ranks: NDArray[np.int64]  # [m]
    metrics: dict[str, float]
    interval: Interval  # of NDCG@10, bootstrap over users


def compare(models: Mapping[str, Make], folds: Sequence[Fold], catalogue: Catalogue) -> tuple[Pooled, list[Outcome]]:
    """Run each model over all folds and pool the queries."""
    counts = [_counts(fold, catalogue) for fold in folds]
    pooled = Pooled(
        users=np.array([query.user_id for fold in folds for query in fold.queries], dtype=np.int64),
        target_counts=np.array(
            [known[query.target] for fold, known in zip(folds, counts, strict=True) for query in fold.queries], dtype=np.float64
        ),
        is_warm_user=np.array([query.user is not None for fold in folds for query in fold.queries], dtype=np.bool_),
    )
    return pooled, [_outcome(name, make, folds, counts, pooled, catalogue) for name, make in models.items()]


def _outcome(
    name: str, make: Make, folds: Sequence[Fold], counts: Sequence[NDArray[np.float64]], pooled: Pooled, catalogue: Catalogue
) -> Outcome:
    parts: list[Ranked] = []
    lists: list[dict[str, float]] = []
    for fold, known in zip(folds, counts, strict=True):
        model = make()
        model.fit(fold.train, catalogue)
        parts.append(rank_all(model, fold.queries, catalogue))
        lists.append(_of_lists(parts[-1], fold.queries, known, catalogue))
    ranks = np.concatenate([part.ranks for part in parts])
    sizes = np.array([len(fold.queries) for fold in folds])
    metrics = accuracy(ranks, pooled)
    metrics |= {key: float(np.average([one[key] for one in lists], weights=sizes)) for key in lists[0]}
    return Outcome(name, ranks, metrics, bootstrap(ndcg(ranks, K), pooled.users))


def accuracy(ranks: NDArray[np.int64], pooled: Pooled) -> dict[str, float]:
    """Metrics of the ranks [m]. With one relevant item per query, recall@k is hr@k and average precision the reciprocal rank."""
    gains = ndcg(ranks, K)
    metrics = {f"hr@{k}": float(hit_rate(ranks, k).mean()) for k in CUTOFFS}
    metrics |= {f"ndcg@{k}": float(ndcg(ranks, k).mean()) for k in CUTOFFS[:2]}
    metrics["mrr"] = float(reciprocal_rank(ranks).mean())
    metrics["map@10"] = float((reciprocal_rank(ranks) * (ranks < K)).mean())
    metrics["debiased_ndcg@10"] = popularity_debiased(gains, pooled.target_counts)
    for name, inside in _groups(pooled).items():
        metrics[f"{name}_share"] = float(inside.mean())
        metrics[f"{name}_ndcg@10"] = float(gains[inside].mean()) if inside.any() else 0.0
    return metrics


def compared(model: Outcome, other: Outcome, pooled: Pooled) -> Interval:
    """NDCG@10 of a model minus another's on the same queries, paired bootstrap over users."""
    return paired_bootstrap(ndcg(model.ranks, K), ndcg(other.ranks, K), pooled.users)


def _groups(pooled: Pooled) -> dict[str, NDArray[np.bool_]]:
    return {"warm_item": pooled.target_counts > 0, "cold_item": pooled.target_counts == 0, "cold_user": ~pooled.is_warm_user}


def _of_lists(
    ranked: Ranked, queries: Sequence[LabelledQuery], counts: NDArray[np.float64], catalogue: Catalogue
) -> dict[str, float]:
    histories = [query.excluded(catalogue) for query in queries]
    return {
        "coverage@10": beyond.coverage(ranked.shown, len(catalogue)),
        "novelty@10": beyond.novelty(ranked.shown, counts),
        "diversity@10": beyond.intra_list_diversity(ranked.shown, catalogue.genres),
        "miscalibration@10": beyond.miscalibration(ranked.shown, histories, catalogue.genres),
    }


def _counts(fold: Fold, catalogue: Catalogue) -> NDArray[np.float64]:
    rows = catalogue.rows(fold.train["item_id"].to_numpy())
    return np.bincount(rows[rows >= 0], minlength=len(catalogue)).astype(np.float64)
