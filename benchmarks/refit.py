"""What training again on everything is worth: the release of a moment, with its refit and without, on what comes next.

    python benchmarks/refit.py ml-latest-small seasons commerce

At each of three moments both learn from the events before it. Both choose alike, with towers that do not know the newest fifth;
one serves those, the other is trained again on everything with the same settings. The events up to the next moment are predicted
one by one from what their users did before, in the whole catalogue. The interval is of the difference of NDCG@10, paired
bootstrap over users, 95 %.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import record
from generated import GENERATED, bare_catalogue

from core.catalogue import Catalogue
from datasets.registry import read_any
from evaluation.comparison import compare, lift
from evaluation.marquee_model import MarqueeModel
from evaluation.protocols import Fold, folds_of
from retrieval.preset import Preset

FILMS = "ml-latest-small"
MOMENTS = 3


def moments(name: str) -> tuple[list[Fold], Catalogue]:
    """The folds, and the catalogue."""
    if name == FILMS:
        data = read_any(FILMS)
        catalogue = Catalogue.from_frame(data.items)
        return folds_of("successive", data.interactions, catalogue, folds=5)[-MOMENTS:], catalogue
    events, n = GENERATED[name](np.random.default_rng(1))
    catalogue = bare_catalogue(n)
    return folds_of("successive", events, catalogue, folds=5)[-MOMENTS:], catalogue


def row(name: str, workdir: Path) -> dict[str, float]:
    found, catalogue = moments(name)
    preset = Preset.named("demo")

    def model(refit: bool) -> MarqueeModel:
        return MarqueeModel(preset, workdir / name, 1, False, learned_from=0.8, refit=refit)

    start = time.perf_counter()
    pooled, (stale,) = compare({"stale": lambda: model(False)}, found, catalogue)
    between = time.perf_counter()
    _, (fresh,) = compare({"refit": lambda: model(True)}, found, catalogue)
    cost = time.perf_counter() - between, between - start
    lead, base = lift(fresh.ranks, stale.ranks, pooled.users), stale.metrics["ndcg@10"]
    print(
        f"| {name} | {len(pooled.users):,} | {base:.4f} / {stale.metrics['hr@10']:.4f} "
        f"| {fresh.metrics['ndcg@10']:.4f} / {fresh.metrics['hr@10']:.4f} "
        f"| {lead.mean / base:+.1%} [{lead.low / base:+.1%}, {lead.high / base:+.1%}] | {cost[0]:.0f} after {cost[1]:.0f} |",
        flush=True,
    )
    figures = {"stale ndcg@10": base, "refit ndcg@10": fresh.metrics["ndcg@10"], "seconds": cost[0], "seconds before": cost[1]}
    figures |= {"lead": lead.mean / base, "lead low": lead.low / base, "lead high": lead.high / base}
    return {f"{name} {key}": value for key, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=[FILMS, *GENERATED])
    parser.add_argument("--workdir", type=Path, default=Path("var/benchmarks/refit"))
    given = parser.parse_args()
    print("| data | queries | without NDCG@10 / HR@10 | with a refit | lead | seconds |")
    print("|---|---|---|---|---|---|", flush=True)
    metrics: dict[str, float] = {}
    for name in given.sets:
        metrics |= row(name, given.workdir)
        record.write("refit", "ml-latest-small and generated with seed 1", metrics, (1,))


if __name__ == "__main__":
    main()
