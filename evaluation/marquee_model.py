"""What `marquee init` would serve without a ranker, as a model for comparison: a blend of towers and counts.

`fit` gets only the training part and makes every choice within it. The weights of the blend and the best epoch are chosen on the
newest events, or on each user's last one if there are no times. Then towers and counts are trained again on the whole part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from datasets.splits import before, cutoff
from evaluation.blending import MAX_QUERIES, Blend, blend, choose_blend
from evaluation.protocols import Fold, leave_one_out
from evaluation.queries import LabelledQuery, labelled_queries
from evaluation.two_tower import TwoTowerModel
from retrieval.config import TrainConfig
from retrieval.transitions import Transitions

_LEARNED_FROM = 0.9  # share of the events, in time order; the later ones are for choosing


class MarqueeModel(TwoTowerModel):
    """Chooses, then trains on everything. Each call of `fit` has a folder of its own, and a finished training is not repeated."""

    def __init__(
        self,
        config: TrainConfig,
        workdir: Path,
        seed: int,
        progress: bool,
        profiles: Mapping[int, Sequence[str]] | None = None,
        by_time: bool = True,
    ) -> None:
        """`profiles` are users' static attributes by user id. `by_time`: choose by the newest events, and not
        by each user's last one; as the queries will be."""
        super().__init__(config, workdir, seed, progress, profiles)
        self.name = f"marquee-{seed}"
        self.blend: Blend | None = None
        self._by_time = by_time

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        fold = self._choosing(train, catalogue)
        first = self._towers(fold.train, self._config, f"{self.name}-{len(fold.train)}-choice")
        self.blend = choose_blend(first, Transitions.fit(fold.train, catalogue), fold.queries, catalogue)
        epochs = int(first.metrics.get("best_epoch", self._config.epochs))
        again = self._config.model_copy(update={"epochs": epochs, "validation_share": 0.0, "validation": "time"})
        self.trained = self._towers(train, again, f"{self.name}-{len(train)}-final")
        self.trained.weigh_spectral(self.blend.spectral)
        self._transitions = Transitions.fit(train, catalogue)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        assert self.blend is not None  # noqa: S101 - fit comes first
        counts = self._transitions.scores_of([query.user for query in queries], self._catalogue)
        return blend(super().scores(queries), counts, self.blend.transitions)

    def _choosing(self, train: pl.DataFrame, catalogue: Catalogue) -> Fold:
        """A fold within the training part: the events to learn from, and the queries to choose by."""
        if not self._by_time:
            return leave_one_out(train, catalogue)
        cut = cutoff(train, _LEARNED_FROM)
        end = float(np.nextafter(train[c.TS].to_numpy().max(), np.inf))
        queries = labelled_queries(train, catalogue, cut, end, MAX_QUERIES, self._seed, self._profiles)
        return Fold("choice", before(train, cut), tuple(queries))
