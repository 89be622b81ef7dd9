"""A multilayer perceptron that ranks, at serving time: ONNX Runtime on one thread, no torch in the process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from core.onnx_session import one_thread_session
from ranking.candidate_features import check_computed
from ranking.source_features import ORDER_SCORE

INPUT, OUTPUT = "features", "scores"
# Metadata of the model
NAMES, MEANS, ORDER_WEIGHT, EPOCHS = "names", "means", "order_weight", "epochs"


class MlpRanker:
    """Scores candidates by the features in `names`, like `ranking.ranker.Ranker`. Thread-safe.

    Raises BundleCorrupt when the model is damaged, or when this code does not compute all of its features.
    """

    def __init__(self, model: bytes) -> None:
        self._model = model
        try:
            self._session = one_thread_session(model)
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.names: tuple[str, ...] = tuple(json.loads(metadata[NAMES]))
            self.order_weight, self.epochs = float(metadata[ORDER_WEIGHT]), int(metadata[EPOCHS])
            self._means = np.array(json.loads(metadata[MEANS]), dtype=np.float32)
        except (KeyError, ValueError) as error:
            raise BundleCorrupt(f"it is not an MLP ranker: {error}") from error
        check_computed(self.names)

    @classmethod
    def load(cls, path: Path) -> MlpRanker:
        """From a file. Raises BundleCorrupt."""
        try:
            return cls(path.read_bytes())
        except (BundleCorrupt, OSError) as error:
            raise BundleCorrupt(f"{path}: {error}") from error

    def save(self, path: Path) -> None:
        path.write_bytes(self._model)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [n, len(names)] -> scores [n]; only their order is meaningful."""
        if not len(features):
            return np.empty(0, dtype=np.float32)
        scores: NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: features})[0]
        if self.order_weight:
            scores = scores + np.float32(self.order_weight) * features[:, self.names.index(ORDER_SCORE)]
        return scores

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """By how much each row's score is higher than with the feature at its mean of the training rows [n, len(names)].

        That is what the score would lack without what this candidate has of it. Unlike those of trees they do not sum to `score`,
        because features act together.
        """
        if not len(features):
            return np.empty((0, len(self.names)), dtype=np.float32)
        without = np.repeat(features[None], len(self.names), axis=0)
        each = np.arange(len(self.names))
        without[each, :, each] = self._means[:, None]
        lacking = self.score(without.reshape(-1, len(self.names))).reshape(len(self.names), len(features))
        return np.asarray((self.score(features) - lacking).T)
