"""The record run: two towers on MovieLens-1M, leave-one-out, full ranking, mean and standard deviation over seeds.

python benchmarks/ml_1m.py --data PATH/ml-1m-sequences.zip [--seeds 1,2,3] [--config configs/training/ml-1m.toml]

Of configs/training/ml-1m-wide.toml one seed is three towers: --seeds 1.

Hours on two cores, minutes on a GPU. Interrupted, the same command goes on: each seed keeps its checkpoint in --workdir.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import record

from app.usecases.evaluating import Comparison, evaluate
from datasets.registry import read_any
from retrieval.config import TrainConfig

SHOWN = ("hr@10", "ndcg@10", "hr@100", "hr@200", "mrr", "debiased_ndcg@10", "coverage@10", "novelty@10", "diversity@10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/training/ml-1m.toml"))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--workdir", type=Path, default=Path("var/benchmarks/ml-1m"))
    given = parser.parse_args()
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    dataset = read_any(given.data)
    wanted = Comparison("loo", ("two_tower",), 1, seeds, TrainConfig.load(given.config))
    found = evaluate(dataset, wanted, given.workdir, progress=True, echo=print)
    metrics = {}
    for name in SHOWN:
        values = [one.metrics[name] for one in found.outcomes]
        metrics[name] = float(np.mean(values))
        metrics[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    record.write(f"{given.config.stem}-loo", dataset.digest, metrics, seeds)


if __name__ == "__main__":
    main()
