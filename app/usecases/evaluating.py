"""`marquee evaluate`: any data set, any protocol, any of the models, one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from core import columns as c
from core.catalogue import Catalogue
from core.errors import DependencyUnavailable, InvalidInput
from core.ports import Echo, Tracker
from core.words import counted
from datasets.dataset import Dataset
from evaluation import report
from evaluation.baselines.ease import Ease
from evaluation.baselines.factors import Als, Bpr
from evaluation.baselines.item_knn import ItemKnn
from evaluation.baselines.markov import WindowedMarkov
from evaluation.baselines.popularity import Popularity, PopularityConfig
from evaluation.comparison import Make, Outcome, Pooled, compare
from evaluation.marquee_model import MarqueeModel
from evaluation.protocols import PROTOCOLS, Protocol, folds_of
from evaluation.two_tower import TwoTowerModel
from retrieval.config import TrainConfig
from retrieval.preset import Preset

BASELINES: dict[str, Make] = {
    "popularity": Popularity,
    "popularity-30d": partial(Popularity, PopularityConfig(window=30)),
    "popularity-365d": partial(Popularity, PopularityConfig(window=365)),
    "itemknn": ItemKnn,
    "ease": Ease,
    "markov": WindowedMarkov,
    "als": Als,
    "bpr": Bpr,
}
WINDOWED = ("popularity-30d", "popularity-365d")  # what counts days and so needs times
NO_TIMES = "this data set has an order but no times"
TWO_TOWER = "two_tower"
MARQUEE = "marquee"  # towers and counts, blended as `marquee init` blends them
MODELS = (*BASELINES, TWO_TOWER, MARQUEE)


@dataclass(frozen=True)
class Comparison:
    """What to compare, and how."""

    protocol: Protocol
    models: tuple[str, ...]
    folds: int
    seeds: tuple[int, ...]
    towers: TrainConfig  # of two_tower
    preset: Preset  # of marquee

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise InvalidInput("--protocol", self.protocol, ", ".join(PROTOCOLS))
        unknown = [name for name in self.models if name not in MODELS]
        if unknown or not self.models:
            raise InvalidInput("--models", ",".join(unknown) or "nothing", ", ".join(MODELS))
        if not self.seeds:
            raise InvalidInput("--seeds", "nothing", "comma-separated numbers: 1,2,3")


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What came out: each model on the pooled queries, and learning curves of what was trained."""

    pooled: Pooled
    outcomes: list[Outcome]
    curves: dict[str, list[dict[str, float]]]
    left_out: dict[str, str] = field(default_factory=dict)  # models that were asked for and could not be run, and why


def evaluate(dataset: Dataset, wanted: Comparison, workdir: Path, progress: bool, echo: Echo) -> Evaluated:
    """Run the comparison. A tower training that was interrupted goes on from `workdir`, one that ended is not repeated."""
    catalogue = Catalogue.from_frame(dataset.items)
    folds = folds_of(wanted.protocol, dataset.interactions, catalogue, folds=wanted.folds, has_time=dataset.has_time)
    asked = sum(len(fold.queries) for fold in folds)
    echo(
        f"{dataset.name}: {counted(len(dataset.interactions), 'event')}, {counted(len(catalogue), 'item')}, "
        f"{counted(asked, 'query')} ({wanted.protocol})"
    )
    made: list[TwoTowerModel | MarqueeModel] = []
    left_out = {} if dataset.has_time else {name: NO_TIMES for name in wanted.models if name in WINDOWED}
    models: dict[str, Make] = {name: BASELINES[name] for name in wanted.models if name in BASELINES and name not in left_out}
    profiles = profiles_of(dataset)
    for seed in wanted.seeds:

        def towers(seed: int = seed) -> TwoTowerModel:
            made.append(model := TwoTowerModel(wanted.towers, workdir / wanted.protocol, seed, progress, profiles))
            return model

        def blended(seed: int = seed) -> MarqueeModel:
            by_time = dataset.has_time and wanted.protocol in ("last", "successive")
            made.append(model := MarqueeModel(wanted.preset, workdir / wanted.protocol, seed, progress, profiles, by_time))
            return model

        trained: dict[str, Make] = {TWO_TOWER: towers, MARQUEE: blended}
        models |= {f"{name}-{seed}": make for name, make in trained.items() if name in wanted.models}
    if not models:
        raise InvalidInput("--models", ",".join(left_out), f"one without days: {NO_TIMES}")
    pooled, outcomes = compare(models, folds, catalogue, on_left_out=left_out.__setitem__)
    curves = {f"{one.name}, fold {at}": one.trained.curve for at, one in enumerate(made, 1) if one.trained}
    for name, why in left_out.items():
        echo(f"left out: {name}: {why}")
    return Evaluated(pooled, outcomes, curves, left_out)


def publish(
    found: Evaluated,
    dataset: Dataset,
    wanted: Comparison,
    command: str,
    folder: Path,
    tracker: Tracker,
    echo: Echo,
    width: int | None = None,
) -> None:
    """Write the report and log it to MLflow; a tracker that cannot be reached costs a warning, not the report.

    What is printed fits into `width` columns; without it, it is the whole table in Markdown.
    """
    title = f"{dataset.name}, {wanted.protocol}"
    facts: dict[str, object] = {"command": command, "data": dataset.digest, "seeds": list(wanted.seeds), "folds": wanted.folds}
    if found.left_out:
        facts["left out"] = "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
    report.write(folder, title, found.outcomes, found.pooled, found.curves, facts)
    whole = report.table(found.outcomes, found.pooled)
    echo(whole if width is None else report.fitted(found.outcomes, found.pooled, width))
    echo(f"report and pictures: {folder}")
    metrics = {f"{one.name}/{name}": value for one in found.outcomes for name, value in one.metrics.items()}
    try:
        run = tracker.log(f"evaluate {title}", wanted.towers.model_dump() | facts, metrics, sorted(folder.iterdir()))
    except DependencyUnavailable as error:
        echo(f"not logged to MLflow: {error.detail}")
    else:
        echo(f"MLflow run {run}")


def profiles_of(dataset: Dataset) -> dict[int, Sequence[str]]:
    """Static attributes by user id, where the data set has users."""
    if dataset.users is None:
        return {}
    return dict(dataset.users.select(c.USER, c.PROFILE).iter_rows())
