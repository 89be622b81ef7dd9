"""The blend as a model: it chooses inside what it may learn from, and then learns from all of that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from evaluation.marquee_model import MarqueeModel
from evaluation.protocols import leave_one_out
from evaluation.ranking import rank_all
from retrieval.config import TrainConfig
from retrieval.preset import Preset

N, USERS = 60, 150
IDS = 2**53 + np.arange(N)  # keys of string ids
CATALOGUE = Catalogue(IDS, ("",) * N, (), np.zeros((N, 0), np.float32), np.zeros(N, np.float32))
TINY = TrainConfig(dim=8, blocks=1, heads=1, epochs=2, batch_events=512, spectral_rank=4, validation_share=0.1, dropout=0.0)


def chains(seed: int = 0) -> pl.DataFrame:
    """Everybody walks on from a random item; four hundred seconds between two events, users one after the other."""
    dice = np.random.default_rng(seed)
    rows = []
    for user in range(USERS):
        begin, length = int(dice.integers(N)), int(dice.integers(4, 8))
        rows += [(user + 1, int(IDS[(begin + step) % N]), 1e9 + 400.0 * (user * 8 + step)) for step in range(length)]
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return frame.with_columns(kind=pl.lit("view"), value=pl.lit(None, dtype=pl.Float64))


@pytest.mark.parametrize("by_time", [True, False])
def test_counts_that_know_the_answer_are_used(tmp_path: Path, by_time: bool) -> None:
    fold = leave_one_out(chains(), CATALOGUE)
    model = MarqueeModel(Preset.of(TINY), tmp_path, seed=1, progress=False, by_time=by_time)
    model.fit(fold.train, CATALOGUE)
    assert model.blend is not None
    assert model.blend.weights.transitions > 0
    ranks = rank_all(model, fold.queries, CATALOGUE).ranks
    assert (ranks < 3).mean() > 0.8
    assert model.name == "marquee-1"


def test_the_last_training_sees_everything(tmp_path: Path) -> None:
    """Items that only the newest events name have vectors of their own, and transitions."""
    events = chains()
    late = pl.DataFrame({"user_id": [1, 1], "item_id": IDS[[10, 40]], "ts": [2e9, 2e9 + 1]}).with_columns(
        kind=pl.lit("view"), value=pl.lit(None, dtype=pl.Float64)
    )
    model = MarqueeModel(Preset.of(TINY), tmp_path, seed=1, progress=False)
    model.fit(pl.concat([events, late.select(events.columns)]), CATALOGUE)
    queries = leave_one_out(events.filter(pl.col("user_id") < 3), CATALOGUE).queries
    assert np.isfinite(model.scores(queries)).all()
    assert model.learned is not None
    assert model.learned.transitions.weights[10, 40] > 0
