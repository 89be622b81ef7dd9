"""The record run: two towers on MovieLens-1M, leave-one-out, full ranking, mean and standard deviation over seeds.

    python benchmarks/ml_1m.py --data PATH/ml-1m-sequences.zip
    python benchmarks/ml_1m.py --data PATH/ml-1m-sequences.zip --ids-only --without-validation
    python benchmarks/ml_1m.py --data PATH/ml-1m-sequences.zip --config configs/training/ml-1m-wide.toml --seeds 1

The towers learn from all events but each user's last, which is predicted. With --without-validation they do not learn from
the one before it either (it is still history, as in the published figures). With --ids-only they know of an item and of a user
nothing but the id: no ratings, genres, titles, years or profiles. Of ml-1m-wide.toml one seed is several towers. With --ease,
EASE is blended in with that weight, as `marquee init` blends it.

Hours on two cores, minutes on a GPU. Interrupted, the same command goes on: each seed keeps its checkpoint in --workdir. So
seeds can be trained in processes beside each other first, each with its own --seeds and --train-only.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import record
from numpy.typing import NDArray

from app.usecases.evaluating import profiles_of
from core import columns as c
from core.catalogue import Catalogue
from core.items import complete
from datasets.dataset import Dataset
from datasets.registry import read_any
from evaluation.blending import RIDGES, blend
from evaluation.comparison import compare
from evaluation.protocols import Fold, leave_one_out
from evaluation.queries import LabelledQuery
from evaluation.two_tower import TwoTowerModel
from retrieval.config import TrainConfig
from retrieval.ease import EaseTable

SHOWN = ("hr@10", "ndcg@10", "hr@100", "hr@200", "mrr", "debiased_ndcg@10", "coverage@10", "novelty@10", "diversity@10")


class WithEase(TwoTowerModel):
    """The towers' scores and EASE's, each in units of their spread."""

    ease_weight = 0.0

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:
        super().fit(train, catalogue)
        self._ease = EaseTable.fit(train, catalogue, [RIDGES[1]])[RIDGES[1]]

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        counted = self._ease.scores_of([query.user for query in queries], self._catalogue)
        return blend(super().scores(queries), [(self.ease_weight, counted)])


def ids_alone(data: Dataset) -> Dataset:
    """The same events as bare pairs in the same order."""
    no_value = pl.lit(None, dtype=data.interactions.schema[c.VALUE]).alias(c.VALUE)
    bare = data.items.select(c.ITEM, pl.col(c.ITEM).cast(pl.String).alias(c.TITLE))
    empty = pl.lit([], dtype=pl.List(pl.String)).alias(c.GENRES), pl.lit(None, dtype=pl.Int32).alias(c.YEAR)
    pairs = data.interactions.with_columns(no_value, pl.lit("watch").alias(c.KIND))
    return replace(data, interactions=pairs, items=complete(bare.with_columns(*empty)), users=None)


def judged(data: Dataset, learns_validation: bool) -> tuple[Fold, Catalogue]:
    catalogue = Catalogue.from_frame(data.items)
    fold = leave_one_out(data.interactions, catalogue)
    if not learns_validation:
        fold = replace(fold, train=leave_one_out(fold.train.select(data.interactions.columns), catalogue).train)
    return replace(fold, train=fold.train.select(data.interactions.columns)), catalogue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/training/ml-1m.toml"))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--ids-only", action="store_true")
    parser.add_argument("--without-validation", action="store_true")
    parser.add_argument("--ease", type=float, default=0.0, help="weight of EASE beside the towers")
    parser.add_argument("--train-only", action="store_true", help="neither evaluate nor record")
    parser.add_argument("--workdir", type=Path, default=Path("var/benchmarks/ml-1m"))
    given = parser.parse_args()
    data = read_any(given.data)
    known = ids_alone(data) if given.ids_only else data
    fold, catalogue = judged(known, not given.without_validation)
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    words = {"ids": given.ids_only, "no-refit": given.without_validation}
    trained = "-".join([given.config.stem, *(word for word, is_chosen in words.items() if is_chosen)])
    config, profiles = TrainConfig.load(given.config), profiles_of(known)
    make = WithEase if given.ease else TwoTowerModel
    WithEase.ease_weight = given.ease
    models = [make(config, given.workdir / trained, seed, True, profiles) for seed in seeds]
    if given.train_only:
        for model in models:
            model.fit(fold.train, catalogue)
        return
    name = f"{trained}{'-ease' if given.ease else ''}-loo"
    record.write(name, data.digest, measured(models, fold, catalogue), seeds)


def measured(models: Sequence[TwoTowerModel], fold: Fold, catalogue: Catalogue) -> dict[str, float]:
    """Mean and standard deviation of each figure over the models."""
    _, outcomes = compare({model.name: lambda model=model: model for model in models}, [fold], catalogue)
    metrics: dict[str, float] = {}
    for name in SHOWN:
        values = [one.metrics[name] for one in outcomes]
        metrics[name] = float(np.mean(values))
        metrics[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return metrics


if __name__ == "__main__":
    main()
