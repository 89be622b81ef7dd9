"""What `marquee init` would serve without a ranker, as a model for comparison: a blend of towers,
transitions, EASE and popularity.

`fit` gets only the training part and makes every choice within it. The weights of the blend and the best epoch are chosen on the
newest events, or on users' last ones if there are no times. Then all of them are trained again on the whole part.
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
from evaluation.blended import Learned, Learner
from evaluation.blending import MAX_QUERIES, Blend, blend
from evaluation.protocols import Fold, leave_one_out
from evaluation.queries import LabelledQuery, labelled_queries
from evaluation.two_tower import TwoTowerModel
from feature_repo.item_stats import item_stats
from retrieval.popularity_prior import priors
from retrieval.preset import Preset


class MarqueeModel(TwoTowerModel):
    """Chooses, then trains on everything. Each call of `fit` has a folder of its own, and a finished training is not repeated."""

    def __init__(
        self,
        preset: Preset,
        workdir: Path,
        seed: int,
        progress: bool,
        profiles: Mapping[int, Sequence[str]] | None = None,
        by_time: bool = True,
        learned_from: float = 0.9,
        refit: bool = True,
    ) -> None:
        """`profiles` are users' static attributes by user id. `by_time`: choose by the newest events, and not
        by users' last ones; as the queries will be. `learned_from`: the share of the events, in time order, before those that it
        chooses by. Without `refit` it does not learn the others after that.
        """
        super().__init__(next(iter(preset.candidates.values())), workdir, seed, progress, profiles)
        self._preset = preset
        self.name = f"marquee-{seed}"
        self.blend: Blend | None = None
        self.learned: Learned | None = None
        self._by_time = by_time
        self._learned_from = learned_from
        self._refit = refit

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        fold = self._choosing(train, catalogue)
        folder = self._workdir / f"{self.name}-{len(train)}"
        learner = Learner(catalogue, self._profiles, self._preset, folder, self._seed, self._progress)
        chosen, self.blend = learner.choose(fold.train, fold.queries)
        self.learned = learner.refit(train, chosen, self.blend.weights) if self._refit else chosen
        self.trained = self.learned.towers
        self._prior = priors(item_stats(train, catalogue, np.inf))[self.blend.weights.popular]

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        assert self.blend is not None  # noqa: S101 - fit comes first
        assert self.learned is not None  # noqa: S101
        users, weights = [query.user for query in queries], self.blend.weights
        tables = (weights.transitions, self.learned.transitions), (weights.ease, self.learned.ease)
        others = [(weight, table.scores_of(users, self._catalogue)) for weight, table in tables if table is not None]
        popularity = weights.prior.after([0 if user is None else len(user.item_ids) for user in users])
        return blend(super().scores(queries), others) + popularity[:, None] * self._prior

    def _choosing(self, train: pl.DataFrame, catalogue: Catalogue) -> Fold:
        """A fold within the training part: the events to learn from, and the queries to choose by."""
        if not self._by_time:
            return self._last_of_some(train, catalogue)
        cut = cutoff(train, self._learned_from)
        end = float(np.nextafter(train[c.TS].to_numpy().max(), np.inf))
        queries = labelled_queries(train, catalogue, cut, end, MAX_QUERIES, self._seed, self._profiles)
        return Fold("choice", before(train, cut), tuple(queries))

    def _last_of_some(self, train: pl.DataFrame, catalogue: Catalogue) -> Fold:
        """The last events of MAX_QUERIES users, but of no more than half of those who would keep a single one."""
        counts = (
            train.group_by(c.USER)
            .len()
            .filter(pl.col("len") > 1)
            .sort(c.USER)
            .sample(fraction=1.0, shuffle=True, seed=self._seed)
        )
        short = counts.filter(pl.col("len") == 2)
        drawn = pl.concat([counts.filter(pl.col("len") > 2), short.head(len(short) // 2)]).head(MAX_QUERIES)[c.USER]
        asked = train[c.USER].is_in(drawn.implode())
        fold = leave_one_out(train.filter(asked), catalogue)
        return Fold("choice", pl.concat([train.filter(~asked), fold.train.select(train.columns)]), fold.queries)
