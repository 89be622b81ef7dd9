"""Which events choose the best epoch: the latest where there are times, and many users' last ones where there are none."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from retrieval.config import TrainConfig
from retrieval.datamodule import SequenceData, Split, split
from retrieval.sequences import Sequences
from retrieval.training import train_towers

N = 30
SMALL = {"dim": 8, "blocks": 1, "heads": 1, "history_length": 8, "epochs": 2, "batch_events": 512}


def catalogue() -> Catalogue:
    return Catalogue(np.arange(1, N + 1), ("",) * N, ("a",), np.ones((N, 1), np.float32), np.zeros(N, np.float32))


def sparse(start: float, apart: float, skips: bool = False) -> pl.DataFrame:
    """A shop: 400 users, most with two or three events, one in fifty with 20; positions, or times from `start` on."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(1, 401):
        begins = start + apart * user
        for at, item in enumerate(rng.permutation(N)[: 20 if user % 50 == 0 else 2 + user % 2] + 1):
            rows.append((user, int(item), begins + at))
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    last = pl.col("ts") == pl.col("ts").max().over("user_id")
    kind = pl.when(last & skips & (pl.col("user_id") % 2 == 0)).then(pl.lit("skip")).otherwise(pl.lit("view"))
    return frame.with_columns(kind=kind, value=pl.lit(None, pl.Float64))


def parts(frame: pl.DataFrame, **values: object) -> Split:
    return split(Sequences.from_frame(frame, catalogue()), TrainConfig.of(**SMALL, **values))


def held_out(found: Split) -> np.ndarray:
    """Events held out per user."""
    return np.asarray(found.everything.counts - found.kept)


@pytest.mark.parametrize("start", [0.0, 1.6e9], ids=["positions", "positions moved to a date"])
def test_an_order_validates_on_the_last_events_of_many_users(start: float, caplog: pytest.LogCaptureFixture) -> None:
    found = parts(sparse(start, apart=0), validation_share=0.05)
    out = held_out(found)
    assert out.max() == 1
    assert out.sum() == int(0.05 * len(found.everything))
    assert (found.everything.counts[out == 1] <= 3).sum() > 40, "not only those with long histories"
    assert "no times" in caplog.text
    assert len(SequenceData(found, N, TrainConfig.of(**SMALL), 0)._validation.end) == out.sum()
    assert (held_out(parts(sparse(start, apart=0), validation_share=0.05)) == out).all(), (
        "an interrupted run goes on with the same"
    )


def test_times_validate_on_what_came_last(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = parts(sparse(1.6e9, apart=50), validation_share=0.05)
    assert found.train.times.max() < found.everything.times[np.repeat(held_out(found) > 0, found.everything.counts)].max()
    assert held_out(found)[:300].sum() == 0, "the users of the first days are not among the latest"
    assert not caplog.text


def test_a_share_of_nothing_still_turns_validation_off_and_leave_one_out_is_of_everybody() -> None:
    assert held_out(parts(sparse(0, apart=0), validation_share=0.0)).sum() == 0
    assert (held_out(parts(sparse(0, apart=0), validation="leave_one_out")) == 1).all()


def test_a_skip_at_the_end_is_no_question() -> None:
    found = parts(sparse(0, apart=0, skips=True), validation_share=0.2)
    users = np.flatnonzero(held_out(found)) + 1
    assert len(users)
    assert (users % 2 == 1).all()


def test_towers_stop_early_on_an_order(tmp_path: Path) -> None:
    config = TrainConfig.of(**SMALL, validation_share=0.05)
    trained = train_towers(sparse(0, apart=0), catalogue(), config, tmp_path, seed=0, progress=False)
    assert "ndcg@10" in trained.metrics
