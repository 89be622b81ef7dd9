"""The two towers as a model for comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.features import UserFeatures
from evaluation.queries import LabelledQuery
from retrieval.config import TrainConfig
from retrieval.history import history_of
from retrieval.training import TrainedTowers, train_towers


class TwoTowerModel:
    """`fit` trains in a folder of its own for each call; a run that has already finished there is not repeated."""

    def __init__(
        self,
        config: TrainConfig,
        workdir: Path,
        seed: int,
        progress: bool,
        profiles: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        """`profiles` are users' static attributes by user id."""
        self.name = f"two_tower-{seed}"
        self.trained: TrainedTowers | None = None
        self._config = config
        self._workdir = workdir
        self._seed = seed
        self._progress = progress
        self._profiles = profiles or {}

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.trained = self._towers(train, self._config, f"seed{self._seed}-{len(train)}")

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        assert self.trained is not None  # noqa: S101 - fit comes first
        return tower_scores(self.trained, [self._features(query) for query in queries], self._catalogue)

    def _towers(self, train: pl.DataFrame, config: TrainConfig, folder: str) -> TrainedTowers:
        return train_towers(
            train,
            self._catalogue,
            config,
            self._workdir / folder,
            seed=self._seed,
            progress=self._progress,
            profiles=self._profiles,
        )

    def _features(self, query: LabelledQuery) -> UserFeatures:
        profile = tuple(self._profiles.get(query.user_id, ()))
        known = query.user or UserFeatures(query.user_id)
        return UserFeatures(query.user_id, known.item_ids, known.kinds, known.values, known.times, profile=profile)


def tower_scores(trained: TrainedTowers, users: Sequence[UserFeatures], catalogue: Catalogue) -> NDArray[np.float32]:
    """Scores [users, n] of the whole catalogue."""
    histories = [history_of(user, catalogue, trained.config.history_length) for user in users]
    return np.asarray(trained.users(histories) @ trained.item_embeddings.T, dtype=np.float32)
