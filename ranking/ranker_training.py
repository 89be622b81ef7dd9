"""Trains the ranker: how many trees, and how much the sources' order counts beside them, is chosen on held-out queries.

Trees learn from a few users what features mean. The sources' order knows nothing of that, and cannot unlearn a good candidate.
Their sum is better than either on most kinds of data that were measured (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker import Ranker
from ranking.source_features import ORDER_SCORE, RISING

if TYPE_CHECKING:
    import lightgbm as lgb  # imported where it is needed: it takes a second

ORDER_WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.8)
SHARES_OF_TREES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)
HELD_OUT = 0.2  # of the queries, the latest
MIN_HELD_OUT = 50  # queries, below which all trees are kept and the sources' order gets the weight in the middle
_K = 10  # of the NDCG that chooses


@dataclass(frozen=True)
class RankerConfig:
    """Few leaves and a low learning rate: the retriever is strong, and an overfitted booster is worse (docs/benchmarks.md).

    Of each query's candidates it learns from the `near` best in the sources' order and `far` drawn from the others: as good as
    all of them, in a third of the time.
    """

    trees: int = 400  # at most
    leaves: int = 15
    learning_rate: float = 0.05
    min_rows_per_leaf: int = 500
    feature_fraction: float = 0.5
    near: int = 100
    far: int = 100
    threads: int = 2  # for training; scoring uses one


@dataclass(frozen=True, eq=False)
class Rows:
    """Candidates of several queries, one after the other: features [n, F], relevant [n] (1 for the next item), and the candidate
    counts of the queries, in order of time."""

    features: NDArray[np.float32]
    relevant: NDArray[np.int8]
    groups: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        return np.asarray(np.cumsum(self.groups) - self.groups)

    def split(self, n: int) -> tuple[Rows, Rows]:
        """The first n queries, and the others."""
        at = int(self.groups[:n].sum())
        first = Rows(self.features[:at], self.relevant[:at], self.groups[:n])
        return first, Rows(self.features[at:], self.relevant[at:], self.groups[n:])

    def sampled(self, order: NDArray[np.float32], near: int, far: int, rng: np.random.Generator) -> Rows:
        """Of each query the relevant candidate, the `near` first by `order` [n], and `far` others."""
        kept = np.zeros(len(self.relevant), dtype=np.bool_)
        for start, size in zip(self.starts.tolist(), self.groups.tolist(), strict=True):
            own = kept[start : start + size]
            if size <= near + far:
                own[:] = True
                continue
            best = np.argsort(-order[start : start + size], kind="stable")
            own[best[:near]] = True
            own[rng.choice(best[near:], far, replace=False)] = True
        kept |= self.relevant > 0
        return Rows(self.features[kept], self.relevant[kept], np.add.reduceat(kept.astype(np.int64), self.starts))

    def ndcg(self, scores: NDArray[np.float64]) -> float:
        """NDCG@10 of the order by scores [n], over the queries with a relevant candidate; ties count against it."""
        own = np.repeat(np.maximum.reduceat(np.where(self.relevant > 0, scores, -np.inf), self.starts), self.groups)
        ahead = np.add.reduceat((scores >= own) & (self.relevant == 0), self.starts, dtype=np.int64)
        return float(np.where(ahead < _K, 1 / np.log2(2 + ahead), 0.0).mean())


def train_ranker(
    features: NDArray[np.float32],
    relevant: NDArray[np.int8],
    groups: Sequence[int],
    config: RankerConfig,
    seed: int,
    names: Sequence[str] = CANDIDATE_FEATURES,
) -> Ranker:
    """Train on candidates of several queries: `groups` are the candidate counts, `relevant` is 1 for the next item of each.

    `features` [n, len(names)] are the columns of `CANDIDATE_FEATURES` with these names. Raises DatasetError when no query has a
    relevant candidate.
    """
    if not relevant.any():
        raise DatasetError("no training query has a relevant candidate: the ranker has nothing to learn")
    rows, names = Rows(features, relevant, np.array(groups, dtype=np.int64)), tuple(names)
    rng = np.random.default_rng(seed)
    trees, weight = _chosen(rows, config, seed, names, rng)
    return Ranker(_boosted(rows, config, trees, seed, names, rng), weight)


def _chosen(rows: Rows, config: RankerConfig, seed: int, names: tuple[str, ...], rng: np.random.Generator) -> tuple[int, float]:
    """The number of trees and the weight of the sources' order that predict the latest queries best."""
    weights = ORDER_WEIGHTS if ORDER_SCORE in names else (0.0,)
    held_out = int(HELD_OUT * len(rows.groups))
    if held_out < MIN_HELD_OUT:
        return config.trees, weights[len(weights) // 2]
    learned, later = rows.split(len(rows.groups) - held_out)
    booster = _boosted(learned, config, config.trees, seed, names, rng)
    order = _order_of(later, names)
    found: dict[tuple[int, float], float] = {}
    for trees in sorted({max(1, round(share * config.trees)) for share in SHARES_OF_TREES}):
        scores = np.asarray(booster.predict(later.features, num_iteration=trees, num_threads=config.threads))
        found |= {(trees, weight): later.ndcg(scores + weight * order) for weight in weights}
    return max(found, key=lambda point: (found[point], point[1], -point[0]))


def _boosted(
    rows: Rows, config: RankerConfig, trees: int, seed: int, names: tuple[str, ...], rng: np.random.Generator
) -> lgb.Booster:
    import lightgbm as lgb

    some = rows.sampled(_order_of(rows, names), config.near, config.far, rng)
    parameters = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 20,
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_rows_per_leaf,
        "feature_fraction": config.feature_fraction,
        "monotone_constraints": [int(name in RISING) for name in names],
        "num_threads": config.threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(some.features, label=some.relevant, group=some.groups, feature_name=list(names))
    return lgb.train(parameters, data, num_boost_round=trees)


def _order_of(rows: Rows, names: tuple[str, ...]) -> NDArray[np.float32]:
    """What the sources' order says of each candidate [n]; nothing where that is no feature."""
    return rows.features[:, names.index(ORDER_SCORE)] if ORDER_SCORE in names else np.zeros(len(rows.features), np.float32)
