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
from core.features import UserFeatures
from datasets.splits import before, cutoff
from evaluation.blending import MAX_QUERIES, Blend, blend, choose_blend, tower_scores
from evaluation.protocols import Fold, leave_one_out
from evaluation.queries import LabelledQuery, labelled_queries
from retrieval.config import TrainConfig
from retrieval.training import TrainedTowers, train_towers
from retrieval.transitions import Transitions

_LEARNED_FROM = 0.9  # share of the events, in time order; the later ones are for choosing


class MarqueeModel:
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
        self.name = f"marquee-{seed}"
        self.trained: TrainedTowers | None = None
        self.blend: Blend | None = None
        self._config = config
        self._workdir = workdir
        self._seed = seed
        self._progress = progress
        self._profiles = profiles or {}
        self._by_time = by_time

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        fold = self._choosing(train, catalogue)
        first = self._towers(fold.train, self._config, "choice")
        self.blend = choose_blend(first, Transitions.fit(fold.train, catalogue), fold.queries, catalogue)
        epochs = int(first.metrics.get("best_epoch", self._config.epochs))
        again = self._config.model_copy(update={"epochs": epochs, "validation_share": 0.0, "validation": "time"})
        self.trained = self._towers(train, again, "final")
        self.trained.weigh_spectral(self.blend.spectral)
        self._transitions = Transitions.fit(train, catalogue)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        assert self.trained is not None and self.blend is not None  # noqa: S101, PT018 - fit comes first
        users = [self._known(query) for query in queries]
        towers = tower_scores(self.trained, users, self._catalogue)
        return blend(towers, self._transitions.scores_of(users, self._catalogue), self.blend.transitions)

    def _choosing(self, train: pl.DataFrame, catalogue: Catalogue) -> Fold:
        """A fold within the training part: the events to learn from, and the queries to choose by."""
        if not self._by_time:
            return leave_one_out(train, catalogue)
        cut = cutoff(train, _LEARNED_FROM)
        end = float(np.nextafter(train[c.TS].to_numpy().max(), np.inf))
        queries = labelled_queries(train, catalogue, cut, end, MAX_QUERIES, self._seed, self._profiles)
        return Fold("choice", before(train, cut), tuple(queries))

    def _towers(self, train: pl.DataFrame, config: TrainConfig, name: str) -> TrainedTowers:
        folder = self._workdir / f"{self.name}-{len(train)}-{name}"
        return train_towers(
            train, self._catalogue, config, folder, seed=self._seed, progress=self._progress, profiles=self._profiles
        )

    def _known(self, query: LabelledQuery) -> UserFeatures:
        profile = tuple(self._profiles.get(query.user_id, ()))
        known = query.user or UserFeatures(query.user_id)
        return UserFeatures(query.user_id, known.item_ids, known.kinds, known.values, known.times, profile=profile)
