"""LambdaMART: a gradient-boosted ranker trained on the retriever's own candidates (Burges 2010, MSR-TR-2010-82)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from ranking.candidate_features import check_computed
from ranking.source_features import ORDER_SCORE

if TYPE_CHECKING:
    import lightgbm as lgb  # imported where it is needed: it takes a second


_END = "\nend of parameters\n"
_ORDER_WEIGHT = "marquee_order_weight"


class Ranker:
    """Scores candidates by the features in `names`, on which it was trained. Thread-safe; scoring runs on one thread.

    The score is that of the trees and, `order_weight` times, that of the sources' own order. Raises BundleCorrupt when this code
    does not compute all features.
    """

    def __init__(self, booster: lgb.Booster, order_weight: float = 0.0) -> None:
        self.names: tuple[str, ...] = tuple(booster.feature_name())
        check_computed(self.names)
        if order_weight and ORDER_SCORE not in self.names:
            raise BundleCorrupt(f"the sources' order weighs {order_weight:g} in it, but {ORDER_SCORE} is none of its features")
        self._booster = booster
        self.order_weight = order_weight

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """From what `save` wrote. Raises BundleCorrupt when it is damaged or was trained on other features."""
        import lightgbm as lgb

        try:
            _check_trees(path)
            return cls(lgb.Booster(model_file=str(path)), _order_weight(path))
        except BundleCorrupt as error:
            raise BundleCorrupt(f"{path}: {error}") from error
        except (OSError, UnicodeDecodeError, lgb.basic.LightGBMError) as error:
            raise BundleCorrupt(f"{path} is not a ranker that LightGBM can read: {error}") from error

    def save(self, path: Path) -> None:
        """In LightGBM's text format; the weight of the sources' order is behind the parameters, where LightGBM reads nothing."""
        text = self._booster.model_to_string()
        if text.count(_END) != 1:
            raise RuntimeError(f"LightGBM's format has changed: {_END.strip()!r} is not in it once")
        path.write_text(text.replace(_END, f"{_END}\n{_ORDER_WEIGHT}={self.order_weight:g}\n"))

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [n, len(names)] -> scores [n]; only their order is meaningful."""
        if not len(features):
            return np.empty(0, dtype=np.float32)
        scores = np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float32)
        if self.order_weight:
            scores += np.float32(self.order_weight) * features[:, self.names.index(ORDER_SCORE)]
        return scores

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much of each row's score comes from each feature [n, len(names)]; with a constant they sum to `score`.

        Exact Shapley values of the trees (Lundberg, Erion and Lee 2018, arXiv:1802.03888).
        """
        if not len(features):
            return np.empty((0, len(self.names)), dtype=np.float32)
        found = np.asarray(self._booster.predict(features, pred_contrib=True, num_threads=1), dtype=np.float32)
        found = found[:, :-1]  # the last column is the constant
        if self.order_weight:
            at = self.names.index(ORDER_SCORE)
            found[:, at] += np.float32(self.order_weight) * features[:, at]
        return found

    @property
    def trees(self) -> int:
        """How many it has."""
        return int(self._booster.num_trees())

    def importance(self) -> dict[str, float]:
        """The share of the trees' total gain that each feature brought."""
        gain = self._booster.feature_importance("gain")
        return dict(zip(self.names, (gain / max(gain.sum(), 1e-9)).tolist(), strict=True))


def _order_weight(path: Path) -> float:
    """That of a saved ranker; 0 for one of before there was any."""
    found = re.search(rf"^{_ORDER_WEIGHT}=(.*)$", path.read_text(), re.MULTILINE)
    try:
        return float(found[1]) if found else 0.0
    except ValueError as error:
        raise BundleCorrupt(f"{_ORDER_WEIGHT} is not a number in it: {error}") from error


def _check_trees(path: Path) -> None:
    """Raise BundleCorrupt unless the trees have the lengths that the header states.

    LightGBM parses trees in threads and aborts the whole process (SIGABRT) when one of them is truncated.
    """
    raw = path.read_bytes()
    promised = re.search(rb"^tree_sizes=([\d ]*)$", raw, re.MULTILINE)
    found = raw.find(b"end of trees") - raw.find(b"Tree=0")
    if promised is None or sum(map(int, promised[1].split())) != found:
        raise BundleCorrupt(f"{path} is not a whole ranker: its trees do not have the lengths that its header says")
