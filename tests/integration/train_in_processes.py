"""Trains small towers in as many processes as torchrun started, and writes the learning curve. Run by test_training_ddp.py."""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import torch

from core.catalogue import Catalogue
from retrieval.config import TrainConfig
from retrieval.training import train_towers

CONFIG = TrainConfig(
    dim=16, blocks=1, heads=1, dropout=0.0, id_dropout=0.0, history_length=8, epochs=3, batch_events=100, learning_rate=0.01
)


def curve(workdir: Path, devices: int) -> list[dict[str, float]]:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"user_id": np.repeat(np.arange(1, 62), 9), "item_id": rng.integers(1, 21, 61 * 9)})
    frame = frame.with_columns(ts=pl.int_range(61 * 9).cast(pl.Float64) * 60, kind=pl.lit("rating"), value=pl.lit(3.5))
    films = Catalogue(np.arange(1, 21), ("x",) * 20, ("any",), np.ones((20, 1), np.float32), np.zeros(20, np.float32))
    return train_towers(frame, films, CONFIG, workdir, seed=0, progress=False, devices=devices).curve


if __name__ == "__main__":
    points = curve(Path(sys.argv[1]), int(sys.argv[2]))
    if torch.distributed.get_rank() == 0:
        Path(sys.argv[3]).write_text(json.dumps(points))
