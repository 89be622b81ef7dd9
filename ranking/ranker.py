"""LambdaMART: a gradient-boosted ranker trained on the retriever's own candidates (Burges 2010, MSR-TR-2010-82)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt, DatasetError
from ranking.candidate_features import CANDIDATE_FEATURES

if TYPE_CHECKING:
    import lightgbm as lgb  # imported where it is needed: it takes a second


@dataclass(frozen=True)
class RankerConfig:
    """Few leaves and a low learning rate: the retriever is strong, and an overfitted booster is worse (docs/benchmarks.md)."""

    trees: int = 300
    leaves: int = 7
    learning_rate: float = 0.03
    min_rows_per_leaf: int = 1000
    feature_fraction: float = 0.5
    threads: int = 2  # for training; scoring uses one


class Ranker:
    """Scores candidates by the features in `names`, on which it was trained. Thread-safe; scoring runs on one thread.

    Raises BundleCorrupt when this code does not compute all of them.
    """

    def __init__(self, booster: lgb.Booster) -> None:
        self.names: tuple[str, ...] = tuple(booster.feature_name())
        unknown = [name for name in self.names if name not in CANDIDATE_FEATURES]
        if unknown:
            raise BundleCorrupt(f"it was trained on {', '.join(unknown)}, which this code does not compute")
        self._booster = booster

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """From LightGBM's text format. Raises BundleCorrupt when it is damaged or was trained on other features."""
        import lightgbm as lgb

        try:
            _check_trees(path)
            return cls(lgb.Booster(model_file=str(path)))
        except BundleCorrupt as error:
            raise BundleCorrupt(f"{path}: {error}") from error
        except (OSError, UnicodeDecodeError, lgb.basic.LightGBMError) as error:
            raise BundleCorrupt(f"{path} is not a ranker that LightGBM can read: {error}") from error

    def save(self, path: Path) -> None:
        self._booster.save_model(path)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [n, len(names)] -> scores [n]; only their order is meaningful."""
        if not len(features):
            return np.empty(0, dtype=np.float32)
        return cast("NDArray[np.float32]", np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float32))

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much of each row's score comes from each feature [n, len(names)]; with a constant they sum to `score`.

        Exact Shapley values of the trees (Lundberg, Erion and Lee 2018, arXiv:1802.03888).
        """
        if not len(features):
            return np.empty((0, len(self.names)), dtype=np.float32)
        found = np.asarray(self._booster.predict(features, pred_contrib=True, num_threads=1), dtype=np.float32)
        return found[:, :-1]  # the last column is the constant

    def importance(self) -> dict[str, float]:
        """The share of the total gain that each feature brought."""
        gain = self._booster.feature_importance("gain")
        return dict(zip(self.names, (gain / max(gain.sum(), 1e-9)).tolist(), strict=True))


def _check_trees(path: Path) -> None:
    """Raise BundleCorrupt unless the trees have the lengths that the header states.

    LightGBM parses trees in threads and aborts the whole process (SIGABRT) when one of them is truncated.
    """
    raw = path.read_bytes()
    promised = re.search(rb"^tree_sizes=([\d ]*)$", raw, re.MULTILINE)
    found = raw.find(b"end of trees") - raw.find(b"Tree=0")
    if promised is None or sum(map(int, promised[1].split())) != found:
        raise BundleCorrupt(f"{path} is not a whole ranker: its trees do not have the lengths that its header says")


def train_ranker(
    features: NDArray[np.float32],
    relevant: NDArray[np.int8],
    groups: Sequence[int],
    config: RankerConfig,
    seed: int,
    names: Sequence[str] = CANDIDATE_FEATURES,
) -> Ranker:
    """Train on candidates of several queries: `groups` are the candidate counts, `relevant` is 1 for the next item.

    `features` [n, len(names)] are the columns of `CANDIDATE_FEATURES` with these names. Raises DatasetError when no query has a
    relevant candidate.
    """
    import lightgbm as lgb

    if not relevant.any():
        raise DatasetError("no training query has a relevant candidate: the ranker has nothing to learn")
    parameters = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 20,
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_rows_per_leaf,
        "feature_fraction": config.feature_fraction,
        "num_threads": config.threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(features, label=relevant, group=list(groups), feature_name=list(names))
    return Ranker(lgb.train(parameters, data, num_boost_round=config.trees))
