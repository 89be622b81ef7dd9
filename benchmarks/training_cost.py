"""What a training epoch costs beside RecTools' SASRec: same events, dims, length, loss and machine, one run at a time.

Needs an interpreter with RecTools (see rectools_sasrec.py). Each side is a process of its own with the same number of threads
and learns from all but each user's last event, which it is judged on. Ours are SASRec blocks in float32, the same in bfloat16,
and the blocks of the record configuration; their seconds per epoch include all preparation, RecTools' do not.

    python benchmarks/training_cost.py --rectools-python /tmp/rectools/bin/python --dataset ml-1m.zip --epochs 2
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import record

from core import columns as c
from core.catalogue import Catalogue
from datasets.registry import read_any
from evaluation.baselines.factors import Als
from evaluation.metrics import hit_rate, ndcg
from evaluation.protocols import Fold, leave_one_out
from evaluation.ranking import Model, rank_all
from evaluation.two_tower import TwoTowerModel
from retrieval.config import TrainConfig

RECTOOLS = Path(__file__).with_name("rectools_sasrec.py")
LENGTH, USERS_PER_BATCH = 200, 128
SIZES = {"d64": {"dim": 64, "blocks": 2, "heads": 4}, "d128": {"dim": 128, "blocks": 3, "heads": 2}}
OURS = {
    "sasrec": {"block": "sasrec"},
    "sasrec_bfloat16": {"block": "sasrec", "precision": "bfloat16"},
    "ligr_bfloat16": {"block": "ligr", "precision": "bfloat16"},
}
# what a batch of RecTools is, padding included
FIXED = {"history_length": LENGTH, "batch_events": LENGTH * USERS_PER_BATCH, "loss": "full", "id_dropout": 0.0}


def fold_of(path: str, share: float) -> tuple[Fold, Catalogue, str]:
    """Leave-one-out on the first `share` of the users, and the hash of the data."""
    data = read_any(path)
    users = data.interactions[c.USER].unique().sort()
    kept = users.head(max(1, round(share * len(users))))
    catalogue = Catalogue.from_frame(data.items)
    return leave_one_out(data.interactions.filter(pl.col(c.USER).is_in(kept.implode())), catalogue), catalogue, data.digest


def one_side(path: str, share: float, choice: dict[str, object] | None) -> dict[str, float]:
    """Fit ours, or ALS where `choice` is None, in this process, and judge it."""
    fold, catalogue, _ = fold_of(path, share)
    with tempfile.TemporaryDirectory() as folder:
        ours = TrainConfig.of(**choice, validation_share=0.0) if choice else None
        model: Model = TwoTowerModel(ours, Path(folder), 1, progress=True) if ours else Als()
        start = time.perf_counter()
        model.fit(fold.train, catalogue)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux; of the fit
    ranks = rank_all(model, fold.queries, catalogue).ranks
    cost = {"seconds_per_epoch": seconds / ours.epochs} if ours else {"fit_seconds": seconds}
    return cost | {"peak_gib": peak, "hr@10": float(hit_rate(ranks, 10).mean()), "ndcg@10": float(ndcg(ranks, 10).mean())}


def rectools_side(python: Path, data: Path, size: dict[str, int], epochs: int, threads: int) -> dict[str, float]:
    numbers = {**size, "length": LENGTH, "batch": USERS_PER_BATCH, "epochs": epochs, "threads": threads, "seed": 1}
    options = [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
    found = _child([str(python), str(RECTOOLS), str(data), *options], threads)
    seconds = found.pop("epoch_seconds")
    assert isinstance(seconds, list)
    return {"seconds_per_epoch": float(np.mean(seconds)), **found}


def _child(command: list[str], threads: int) -> dict[str, object]:
    """Run it to its end; the last line it prints is JSON."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def write_events(fold: Fold, catalogue: Catalogue, path: Path) -> None:
    """What RecTools reads: the training events in order, and each user's target."""
    train = fold.train.sort(c.USER, c.TS)
    columns = {
        "user": train[c.USER],
        "item": train[c.ITEM],
        "position": train.select(pl.int_range(pl.len()).over(c.USER)).to_series(),
    }
    arrays = {name: column.to_numpy() for name, column in columns.items()}
    targets = catalogue.ids[[query.target for query in fold.queries]]
    np.savez(path, **arrays, test_user=[query.user_id for query in fold.queries], test_item=targets)


def compared(wanted: argparse.Namespace) -> tuple[dict[str, float], str]:
    """Every side in turn."""
    fold, catalogue, digest = fold_of(wanted.dataset, wanted.users)
    metrics: dict[str, float] = {"threads": wanted.threads, "epochs": wanted.epochs, "events": len(fold.train)}

    def show(name: str, found: dict[str, float]) -> None:
        metrics.update({f"{name}_{key}": float(value) for key, value in found.items()})
        print(name, {key: round(float(value), 4) for key, value in found.items()}, flush=True)

    ours = [sys.executable, __file__, "--dataset", wanted.dataset, "--users", str(wanted.users), "--side"]
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.npz"
        write_events(fold, catalogue, events)
        for name in wanted.sizes.split(","):
            theirs = rectools_side(wanted.rectools_python, events, SIZES[name], wanted.epochs, wanted.threads)
            show(f"{name}_rectools", theirs)
            for variant, choice in OURS.items():
                config = json.dumps(SIZES[name] | FIXED | choice | {"epochs": wanted.epochs})
                found = _child([*ours, config], wanted.threads)
                show(f"{name}_{variant}", found)  # type: ignore[arg-type]
                ratio = float(str(found["seconds_per_epoch"])) / theirs["seconds_per_epoch"]
                show(f"{name}_{variant}", {"seconds_to_rectools": ratio})
        show("als", _child([*ours, "null"], wanted.threads))  # type: ignore[arg-type]
    return metrics, digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rectools-python", type=Path, help="an interpreter that has RecTools")
    parser.add_argument("--dataset", required=True, help="the zip of the sequences")
    parser.add_argument("--users", type=float, default=1.0, help="share of the users; below 1 nothing is written")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--side", help=argparse.SUPPRESS)  # the configuration of one of ours, as JSON, in a child process
    wanted = parser.parse_args()
    if wanted.side:
        print(json.dumps(one_side(wanted.dataset, wanted.users, json.loads(wanted.side))))
        return
    if not wanted.rectools_python:
        parser.error("--rectools-python is needed")
    metrics, digest = compared(wanted)
    if wanted.users == 1:
        print(record.write("training-cost", f"{Path(wanted.dataset).stem} {digest}", metrics, (1,)))


if __name__ == "__main__":
    main()
