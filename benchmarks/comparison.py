"""Models side by side under one protocol, by full ranking: one result file per data set and protocol.

python benchmarks/comparison.py ml-1m-loo-baselines --data PATH/ml-1m-sequences.zip --protocol loo --models popularity,ease
python benchmarks/comparison.py small-last --protocol last --models popularity,itemknn,ease,markov,two_tower

An interrupted run of the towers goes on where it stopped. The best model's lead over each other one is written with its
interval (paired bootstrap over users).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import record

from app.usecases.evaluating import Comparison, evaluate
from datasets.registry import read_any
from evaluation.comparison import lift
from retrieval.config import TrainConfig

SHOWN = ("hr@10", "ndcg@10", "hr@200", "debiased_ndcg@10", "coverage@10", "warm_item_ndcg@10", "cold_item_ndcg@10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--data", default="ml-latest-small")
    parser.add_argument("--protocol", default="loo")
    parser.add_argument("--models", default="popularity,itemknn,ease,markov,als,bpr")
    parser.add_argument("--config", type=Path, default=Path("configs/training/demo.toml"))
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--workdir", type=Path, default=Path("var/benchmarks/comparison"))
    given = parser.parse_args()
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    models = tuple(given.models.split(","))
    wanted = Comparison(given.protocol, models, given.folds, seeds, TrainConfig.load(given.config))
    dataset = read_any(given.data)
    found = evaluate(dataset, wanted, given.workdir / given.name, progress=True, echo=print)
    ordered = sorted(found.outcomes, key=lambda one: -one.metrics["ndcg@10"])
    metrics = {f"{one.name} {name}": one.metrics[name] for one in ordered for name in SHOWN}
    for other in ordered[1:]:
        lead = lift(ordered[0].ranks, other.ranks, found.pooled.users)
        metrics |= {f"{ordered[0].name} minus {other.name} {name}": getattr(lead, name) for name in ("mean", "low", "high")}
    metrics["queries"] = float(len(found.pooled.users))
    record.write(given.name, dataset.digest, metrics, seeds)


if __name__ == "__main__":
    main()
