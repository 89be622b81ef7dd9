"""Trains the ranker: how many trees, and how much the sources' order counts beside them, is chosen on held-out queries.

Trees learn from a few users what features mean. The sources' order knows nothing of that, and cannot unlearn a good candidate.
Their sum is better than either on most kinds of data that were measured (docs/benchmarks.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import DatasetError
from ranking.ranker import Ranker
from ranking.ranking_rows import RankingRows
from ranking.source_features import RISING

if TYPE_CHECKING:
    import lightgbm as lgb  # imported where it is needed

SHARES_OF_TREES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)


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


def train_ranker(rows: RankingRows, config: RankerConfig, seed: int) -> Ranker:
    """Raises DatasetError when no query has a relevant candidate."""
    if not rows.relevant.any():
        raise DatasetError("no training query has a relevant candidate: the ranker has nothing to learn")
    rng, split = np.random.default_rng(seed), rows.held_out()
    if split is None:
        trees, weight = config.trees, rows.order_weights[len(rows.order_weights) // 2]
    else:
        learned, later = split
        booster = _boosted(learned, config, config.trees, seed, rng)
        sizes = sorted({max(1, round(share * config.trees)) for share in SHARES_OF_TREES})
        trees, weight = later.best(
            {n: np.asarray(booster.predict(later.features, num_iteration=n, num_threads=config.threads)) for n in sizes}
        )
    return Ranker.of(_boosted(rows, config, trees, seed, rng), weight)


def _boosted(rows: RankingRows, config: RankerConfig, trees: int, seed: int, rng: np.random.Generator) -> lgb.Booster:
    from ranking.lightgbm_sdk import lgb

    some = rows.sampled(config.near, config.far, rng)
    parameters = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 20,
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_rows_per_leaf,
        "feature_fraction": config.feature_fraction,
        "monotone_constraints": [int(name in RISING) for name in rows.names],
        "num_threads": config.threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    weights = np.repeat(some.weights, some.groups)
    data = lgb.Dataset(some.features, label=some.relevant, group=some.groups, weight=weights, feature_name=list(rows.names))
    return lgb.train(parameters, data, num_boost_round=trees)
