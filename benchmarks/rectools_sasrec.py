"""RecTools' side of `training_cost.py`: its SASRec on the same events. Run by an interpreter that has RecTools, which needs
an older numpy than Marquee; it imports nothing of Marquee and prints one line of JSON.

    python -m venv /tmp/rectools && /tmp/rectools/bin/pip install 'rectools[torch]'
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

K = 10


class Stopwatch(Callback):
    """Seconds of each epoch, on the class: RecTools trains with a deep copy of the trainer."""

    epochs: ClassVar[list[float]] = []

    def on_train_epoch_start(self, *_: object) -> None:
        self._start = time.perf_counter()

    def on_train_epoch_end(self, *_: object) -> None:
        self.epochs.append(time.perf_counter() - self._start)


def dataset(data: dict[str, np.ndarray]) -> Dataset:
    """Positions become days: RecTools wants dates, and only their order counts."""
    days = pd.Timestamp("2000-01-01") + pd.to_timedelta(data["position"], unit="D")
    columns = {Columns.User: data["user"], Columns.Item: data["item"], Columns.Weight: 1.0, Columns.Datetime: days}
    return Dataset.construct(pd.DataFrame(columns))


def ranks(model: SASRecModel, known: Dataset, data: dict[str, np.ndarray]) -> np.ndarray:
    """Rank of each user's target, 0 the best, K for one outside the first K."""
    shown = model.recommend(data["test_user"], known, k=K, filter_viewed=True)
    targets = pd.DataFrame({Columns.User: data["test_user"], Columns.Item: data["test_item"]})
    found = targets.merge(shown, on=Columns.UserItem, how="left")[Columns.Rank]
    return (found - 1).fillna(K).to_numpy()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    for name in ("dim", "blocks", "heads", "length", "batch", "epochs", "threads", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    seed_everything(wanted.seed, verbose=False)
    data = dict(np.load(wanted.data))
    watch = Stopwatch()
    trainer = {"max_epochs": wanted.epochs, "callbacks": [watch], "logger": False, "enable_checkpointing": False}
    model = SASRecModel(
        n_blocks=wanted.blocks,
        n_heads=wanted.heads,
        n_factors=wanted.dim,
        session_max_len=wanted.length,
        batch_size=wanted.batch,
        loss="softmax",
        get_trainer_func=lambda: Trainer(**trainer, enable_model_summary=False, accelerator="cpu"),
    )
    known = dataset(data)
    model.fit(known)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux; of the fit, before the lists
    found = ranks(model, known, data)
    gains = np.where(found < K, 1 / np.log2(found + 2), 0)
    result = {"epoch_seconds": watch.epochs, "peak_gib": peak, "hr@10": float((found < K).mean()), "ndcg@10": float(gains.mean())}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
