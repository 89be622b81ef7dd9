"""Judges models on the same folds and queries, and compares them pairwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from evaluation.does_not_fit import DoesNotFit
from evaluation.intervals import Interval, bootstrap, paired_bootstrap
from evaluation.metrics import Facts, max_cutoff, measure, ndcg
from evaluation.protocols import Fold
from evaluation.ranking import K, Model, rank_all

COMPARED = (
    *(f"hr@{k}" for k in (10, 20, 100, 200)),
    *("ndcg@10", "ndcg@20", "mrr", "map@10", "debiased_ndcg@10"),
    *("coverage@10", "novelty@10", "diversity@10", "miscalibration@10"),
)

# Makes a new model for each fold, so that folds never share learned state.
Make = Callable[[], Model]
OnLeftOut = Callable[[str, str], None]  # the model's name, and why


@dataclass(frozen=True, eq=False)
class Pooled:
    """The queries of all folds, with what the training part of their fold knew about them."""

    users: NDArray[np.int64]  # [m]
    target_counts: NDArray[np.float64]  # [m] events of the target in training; 0 is a cold item
    is_warm_user: NDArray[np.bool_]  # [m] whether anything was known about the user


@dataclass(frozen=True, eq=False)
class Outcome:
    """How one model did on the pooled queries."""

    name: str
    ranks: NDArray[np.int64]  # [m]
    metrics: dict[str, float]
    interval: Interval  # of NDCG@10, bootstrap over users


def compare(
    models: Mapping[str, Make],
    folds: Sequence[Fold],
    catalogue: Catalogue,
    metrics: Sequence[str] = COMPARED,
    on_left_out: OnLeftOut | None = None,
) -> tuple[Pooled, list[Outcome]]:
    """Run each model over all folds and measure the named metrics, and NDCG@10 by groups of queries.

    A model that does not fit into memory is left out and goes to `on_left_out`; without it, and if no model fits, raises
    DoesNotFit.
    """
    facts = [Facts.of(fold.queries, _counts(fold, catalogue), catalogue) for fold in folds]
    queries = [query for fold in folds for query in fold.queries]
    pooled = Pooled(
        users=np.array([query.user_id for query in queries], dtype=np.int64),
        target_counts=np.concatenate([known.target_counts for known in facts]),
        is_warm_user=np.array([query.user is not None for query in queries], dtype=np.bool_),
    )
    outcomes: list[Outcome] = []
    for at, (name, make) in enumerate(models.items(), 1):
        try:
            outcomes.append(_outcome(name, make, folds, facts, pooled, catalogue, metrics))
        except DoesNotFit as error:
            if on_left_out is None or (at == len(models) and not outcomes):
                raise
            on_left_out(name, error.needs)
    return pooled, outcomes


def lift(ranks: NDArray[np.int64], other: NDArray[np.int64], users: NDArray[np.int64]) -> Interval:
    """NDCG@10 of a model minus another's on the same queries [m], paired bootstrap over users."""
    return paired_bootstrap(ndcg(ranks, K), ndcg(other, K), users)


def _outcome(
    name: str,
    make: Make,
    folds: Sequence[Fold],
    facts: Sequence[Facts],
    pooled: Pooled,
    catalogue: Catalogue,
    metrics: Sequence[str],
) -> Outcome:
    parts = []
    for fold, known in zip(folds, facts, strict=True):
        model = make()
        model.fit(fold.train, catalogue)
        parts.append((rank_all(model, fold.queries, catalogue, max_cutoff(metrics)), known))
    ranks = np.concatenate([ranked.ranks for ranked, _ in parts])
    return Outcome(name, ranks, measure(metrics, parts) | by_group(ranks, pooled), bootstrap(ndcg(ranks, K), pooled.users))


def by_group(ranks: NDArray[np.int64], pooled: Pooled) -> dict[str, float]:
    """Share and NDCG@10 of the queries for warm and for cold items, and of the queries of cold users."""
    groups = {"warm_item": pooled.target_counts > 0, "cold_item": pooled.target_counts == 0, "cold_user": ~pooled.is_warm_user}
    gains = ndcg(ranks, K)
    found = {}
    for name, inside in groups.items():
        found[f"{name}_share"] = float(inside.mean())
        found[f"{name}_ndcg@10"] = float(gains[inside].mean()) if inside.any() else 0.0
    return found


def _counts(fold: Fold, catalogue: Catalogue) -> NDArray[np.float64]:
    rows = catalogue.rows(fold.train["item_id"].to_numpy())
    return np.bincount(rows[rows >= 0], minlength=len(catalogue)).astype(np.float64)
