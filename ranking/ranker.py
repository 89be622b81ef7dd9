"""LambdaMART: a gradient-boosted ranker trained on the retriever's own candidates (Burges 2010, MSR-TR-2010-82)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.bundle import RANKER_TREES
from core.errors import BundleCorrupt
from ranking.candidate_features import check_computed
from ranking.source_features import ORDER_SCORE
from ranking.tree_scorer import TreeScorer, as_onnx

if TYPE_CHECKING:
    import lightgbm as lgb  # imported where it is needed: most servers never explain a list


_END = "\nend of parameters\n"
_ORDER_WEIGHT = "marquee_order_weight"


class Ranker:
    """Scores candidates by the features in `names`, on which it was trained. Thread-safe; scoring runs on one thread.

    The score is that of the trees and, `order_weight` times, that of the sources' own order. Raises BundleCorrupt when this code
    does not compute all features.
    """

    def __init__(
        self, names: tuple[str, ...], order_weight: float, trees: TreeScorer, booster: Callable[[], lgb.Booster]
    ) -> None:
        """`trees` score; the `booster` is asked for only where something is to be explained or stored."""
        self.names = names
        check_computed(self.names)
        if order_weight and ORDER_SCORE not in self.names:
            raise BundleCorrupt(f"the sources' order weighs {order_weight:g} in it, but {ORDER_SCORE} is none of its features")
        self.order_weight = order_weight
        self._trees = trees
        self._boosted = booster

    @classmethod
    def of(cls, booster: lgb.Booster, order_weight: float = 0.0) -> Ranker:
        """What was trained."""
        trees = TreeScorer(as_onnx(booster, ""))
        return cls(tuple(booster.feature_name()), order_weight, trees, lambda: booster)

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """From what `save` wrote. Raises BundleCorrupt when it is damaged or was trained on other features.

        The trees for serving are made again where they are missing, as in bundles of before there were any, or not made from the
        text that lies there.
        """
        try:
            text = path.read_bytes()
            if (trees := _stored_trees(path, text)) is not None:
                return cls(_names(text), _order_weight(text), trees, lambda: _booster(path, text))
            booster = _booster(path, text)
            return cls.of(booster, _order_weight(text))
        except BundleCorrupt as error:
            raise BundleCorrupt(f"{path}: {error}") from error
        except OSError as error:
            raise BundleCorrupt(f"{path} cannot be read: {error}") from error

    def save(self, path: Path) -> None:
        """In LightGBM's text format, and beside it the same trees for serving.

        The weight of the sources' order is behind the parameters, where LightGBM reads nothing.
        """
        text = self._booster.model_to_string()
        if text.count(_END) != 1:
            raise RuntimeError(f"LightGBM's format has changed: {_END.strip()!r} is not in it once")
        path.write_text(text.replace(_END, f"{_END}\n{_ORDER_WEIGHT}={self.order_weight:g}\n"))
        trees_of(path).write_bytes(as_onnx(self._booster, _digest(path.read_bytes())))

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [n, len(names)], finite -> scores [n]; only their order is meaningful."""
        if not len(features):
            return np.empty(0, dtype=np.float32)
        scores = self._trees.score(features)
        if self.order_weight:
            scores = scores + np.float32(self.order_weight) * features[:, self.names.index(ORDER_SCORE)]
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

    @cached_property
    def _booster(self) -> lgb.Booster:
        return self._boosted()


def trees_of(path: Path) -> Path:
    """Where the trees for serving lie, beside the ranker's text."""
    return path.with_name(RANKER_TREES)


def _stored_trees(path: Path, text: bytes) -> TreeScorer | None:
    """Those beside the text, if they were made from it."""
    if not trees_of(path).is_file():
        return None
    try:
        trees = TreeScorer(trees_of(path).read_bytes())
    except BundleCorrupt as error:
        raise BundleCorrupt(f"{trees_of(path).name}: {error}") from error
    return trees if trees.made_from == _digest(text) else None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _names(text: bytes) -> tuple[str, ...]:
    """The features in the header of a text that a digest vouches for."""
    found = re.search(rb"^feature_names=(.*)$", text, re.MULTILINE)
    return tuple(found[1].decode().split(" ")) if found else ()


def _booster(path: Path, text: bytes) -> lgb.Booster:
    """Raises BundleCorrupt for what LightGBM cannot read."""
    from ranking.lightgbm_sdk import lgb

    _check_trees(text)
    try:
        return lgb.Booster(model_str=text.decode())
    except (UnicodeDecodeError, lgb.basic.LightGBMError) as error:
        raise BundleCorrupt(f"{path.name} is not a ranker that LightGBM can read: {error}") from error


def _order_weight(text: bytes) -> float:
    """That of a saved ranker; 0 for one of before there was any."""
    found = re.search(rf"^{_ORDER_WEIGHT}=(.*)$".encode(), text, re.MULTILINE)
    try:
        return float(found[1]) if found else 0.0
    except ValueError as error:
        raise BundleCorrupt(f"{_ORDER_WEIGHT} is not a number in it: {error}") from error


def _check_trees(text: bytes) -> None:
    """Raise BundleCorrupt unless the trees have the lengths that the header states.

    LightGBM parses trees in threads and aborts the whole process (SIGABRT) when one of them is truncated.
    """
    promised = re.search(rb"^tree_sizes=([\d ]*)$", text, re.MULTILINE)
    found = text.find(b"end of trees") - text.find(b"Tree=0")
    if promised is None or sum(map(int, promised[1].split())) != found:
        raise BundleCorrupt("it is not a whole ranker: its trees do not have the lengths that its header says")
