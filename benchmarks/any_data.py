"""Data that nobody tuned for: the default blend against the best of the product's own baselines, one row a data set.

    python benchmarks/any_data.py commerce music long-tail seasons two-each simulated short-ml-1m ml-latest-small ml-1m

Each set is split by leave-one-out (the bundled films by the last rolling cut-off, successive); everything is chosen inside the
training part. `simulated` is a world of the product's own simulator: 3,000 films with genres, 60,000 events of 6,000 visitors who
browse without a recommender and whose tastes turn. `short-ml-1m` is MovieLens-1M with a stretch of 5 to 12 events of each user.
Full ranking, hash ties; the interval is of the difference of NDCG@10, paired bootstrap over users, 95 %, as a share of the best
baseline's.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import record
from generated import GENERATED, bare_catalogue

from app.usecases.evaluating import BASELINES
from core import columns as c
from core.catalogue import Catalogue
from datasets.registry import read_any
from datasets.splits import in_time_order
from evaluation.comparison import compare, lift
from evaluation.marquee_model import MarqueeModel
from evaluation.protocols import Fold, folds_of
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import WorldConfig, made_up
from evaluation.simulation.writing import write_world
from evaluation.two_tower import TwoTowerModel
from retrieval.config import TrainConfig
from retrieval.preset import Preset

FILMS, SHORT, WHOLE, SIMULATED = "ml-latest-small", "short-ml-1m", "ml-1m", "simulated"
SETS = (*GENERATED, SIMULATED, FILMS, SHORT, WHOLE)
COMPARED = ("popularity", "itemknn", "ease", "markov", "als", "bpr")
TOWERS, DEFAULT = "two_tower-1", "marquee-1"


def short(interactions: pl.DataFrame) -> pl.DataFrame:
    """A stretch of 5 to 12 events of each user."""
    dice, parts = np.random.default_rng(0), []
    for _, own in in_time_order(interactions).group_by([c.USER], maintain_order=True):
        length = int(dice.integers(5, 13))
        parts.append(own.slice(int(dice.integers(0, max(1, len(own) - length + 1))), length))
    return pl.concat(parts)


def simulated(workdir: Path) -> tuple[pl.DataFrame, Catalogue]:
    """A written world of the simulator, as `marquee simulate --world` writes it."""
    visitors = Arrivals(users=6_000, seed=1, visits_per_day=600.0)
    files = write_world(Simulation(made_up(3_000, WorldConfig(seed=1)), visitors), workdir / SIMULATED, 60_000, lambda _: None)
    items = pl.read_parquet(files[1]).with_columns(pl.col(c.GENRES).str.split("|"), pl.lit(None, dtype=pl.Int32).alias(c.YEAR))
    events = pl.read_parquet(files[0]).with_columns(pl.int_range(pl.len()).cast(pl.String).alias(c.EVENT_ID))
    return events, Catalogue.from_frame(items)


def folds(name: str, data: Path, workdir: Path) -> tuple[list[Fold], Catalogue, bool]:
    """The fold, the catalogue, and whether it asks for the newest events (else for the last one of each user)."""
    if name == FILMS:
        dataset = read_any(FILMS)
        catalogue = Catalogue.from_frame(dataset.items)
        return folds_of("successive", dataset.interactions, catalogue, folds=5)[-1:], catalogue, True
    if name in (SHORT, WHOLE):
        whole = read_any(str(data / "ml-1m-sequences.zip"))
        events, catalogue = (
            (short(whole.interactions) if name == SHORT else whole.interactions),
            Catalogue.from_frame(whole.items),
        )
        return folds_of("loo", events, catalogue), catalogue, False
    if name == SIMULATED:
        events, catalogue = simulated(workdir)
        return folds_of("loo", events, catalogue), catalogue, False
    events, n = GENERATED[name](np.random.default_rng(1))
    catalogue = bare_catalogue(n)
    return folds_of("loo", events, catalogue), catalogue, False


def row(name: str, data: Path, workdir: Path) -> tuple[dict[str, float], str]:
    """The figures of one data set, and where it comes from."""
    found, catalogue, by_time = folds(name, data, workdir)
    config, preset = TrainConfig.load(record.ROOT / "configs" / "training" / "demo.toml"), Preset.named("auto")
    made = MarqueeModel(preset, workdir / name, 1, False, by_time=by_time)
    models = {one: BASELINES[one] for one in COMPARED}
    pooled, outcomes = compare(models, found, catalogue)
    start = time.perf_counter()
    _, (default,) = compare({DEFAULT: lambda: made}, found, catalogue)
    seconds = time.perf_counter() - start
    _, (towers,) = compare({TOWERS: lambda: TwoTowerModel(config, workdir / name, 1, False)}, found, catalogue)
    best = max(outcomes, key=lambda one: one.metrics["ndcg@10"])
    lead = lift(default.ranks, best.ranks, pooled.users)
    base = best.metrics["ndcg@10"]
    print(
        f"| {name} | {len(found[0].train):,} | {len(pooled.users):,} | {best.name} {base:.4f} / {best.metrics['hr@10']:.4f} "
        f"| {towers.metrics['ndcg@10']:.4f} | {default.metrics['ndcg@10']:.4f} / {default.metrics['hr@10']:.4f} "
        f"| {lead.mean / base:+.1%} [{lead.low / base:+.1%}, {lead.high / base:+.1%}] "
        f"| {made.blend.weights.spectral:g} / {made.blend.weights.transitions:g} / {made.blend.weights.ease:g} | {seconds:.0f} |"
        if made.blend
        else "",
        flush=True,
    )
    figures = {f"{one.name} ndcg@10": one.metrics["ndcg@10"] for one in (*outcomes, towers, default)}
    figures |= {"lead": lead.mean / base, "lead low": lead.low / base, "lead high": lead.high / base, "seconds": seconds}
    generated = name in GENERATED or name == SIMULATED
    return figures, "generated with seed 1" if generated else FILMS if name == FILMS else "ml-1m-sequences"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS, help=", ".join(SETS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where ml-1m-sequences.zip is")
    parser.add_argument("--workdir", type=Path, default=Path("var/benchmarks/any-data"))
    given = parser.parse_args()
    unknown = set(given.sets) - set(SETS)
    if unknown:
        sys.exit(f"unknown data set {', '.join(sorted(unknown))}; known: {', '.join(SETS)}")
    print("| data | training events | queries | best baseline NDCG@10 / HR@10 | towers | default | lead | weights | seconds |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in given.sets:
        figures, digest = row(name, given.data, given.workdir)
        record.write(f"any-data-{name}", digest, figures, (1,))


if __name__ == "__main__":
    main()
