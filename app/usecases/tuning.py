"""`marquee tune`: assembles data, search space and study, and reports their progress."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl
from tqdm import tqdm

from app.ops.ownership import sole_tuner
from app.usecases import steps
from app.usecases.evaluating import profiles_of
from core.catalogue import Catalogue
from core.errors import DependencyUnavailable, InvalidInput
from core.features import Profiles
from core.ports import Echo
from core.settings import Settings
from datasets.registry import read_any
from datasets.splits import before, cutoff
from evaluation.protocols import leave_one_out
from lifecycle.adapters.tuning_log import MlflowTuningLog
from retrieval.config import TrainConfig
from retrieval.search_space import SearchSpace
from retrieval.threads import training_threads
from retrieval.tuning import METRIC, TrialRecord, TuningStudy, towers_trainer

if TYPE_CHECKING:
    from collections.abc import Callable

LAKE = "lake"
SEEN = 0.8  # share of the events by time that the search may see: what a release's towers learn from
HoldOut = Literal["time", "loo"]


@dataclass(frozen=True, eq=False)
class TuningData:
    """The data that a search may see, without the events that reported figures are computed on."""

    description: str
    interactions: pl.DataFrame
    catalogue: Catalogue
    profiles: Profiles


@dataclass(frozen=True)
class TuningRun:
    """One `marquee tune`."""

    config: Path
    space: Path
    study: str
    trials: int
    timeout: float  # seconds after which no trial is started
    seed: int
    out: Path
    command: str


def tuning_data(settings: Settings, dataset: str, hold_out: HoldOut | None) -> TuningData:
    """The events without those that models are evaluated on. Raises InvalidInput, NotFound, DatasetError."""
    if dataset == LAKE:
        found = steps.stored(settings)
        name, interactions, has_time = f"lake {found.data_version}", found.interactions, True
        catalogue, profiles = found.catalogue, found.profiles
    else:
        read = read_any(dataset, settings.folder("datasets"))
        name, interactions, has_time = f"{read.name} {read.digest}", read.interactions, read.has_time
        catalogue, profiles = Catalogue.from_frame(read.items), profiles_of(read)
    hold_out = hold_out or ("time" if has_time else "loo")
    if hold_out == "time" and not has_time:
        raise InvalidInput("--hold-out", hold_out, "loo: this data set has an order per user but no times")
    if hold_out == "time":
        seen, words = before(interactions, cutoff(interactions, SEEN)), f"the latest {1 - SEEN:.0%} by time"
    else:
        seen, words = leave_one_out(interactions, catalogue).train, "the last event of each user"
    return TuningData(f"{name} without {words}: {len(seen):,} events", seen, catalogue, profiles)


def tune(settings: Settings, data: TuningData, search: TuningRun, dry_run: bool, echo: Echo) -> None:
    """Run or resume the search, and write the best configuration. Raises InvalidInput, AlreadyRunning, DependencyUnavailable."""
    study = TuningStudy(
        settings.folder("tuning") / "studies.db",
        search.study,
        SearchSpace.load(search.space),
        TrainConfig.load(search.config),
        data.description,
        search.seed,
    )
    _describe(study, data, search, echo)
    if dry_run:
        return
    with sole_tuner(settings.home), training_threads(settings.train_threads):
        log = MlflowTuningLog(settings.tracking_uri, settings.folder("mlflow") / "artifacts")
        facts = study.base.model_dump() | study.space.fixed | {"data": data.description, "command": search.command}
        parent = log.record(search.study, facts, study.trials)  # fails at once if MLflow is unavailable, not after hours of work
        _run(study, data, search, lambda: log.record(search.study, facts, study.trials), echo)
        best = study.best
        search.out.parent.mkdir(parents=True, exist_ok=True)
        search.out.write_text(as_toml(study.configuration(best), _origin(study, best, data, search)))
        log.record(search.study, facts, study.trials)
        log.conclude(parent, best, [search.out])
    echo(f"best: trial {best.number}, validation {METRIC} {best.score:.4f}: {_values(best)}")
    echo(f"configuration: {search.out}")


def _run(study: TuningStudy, data: TuningData, search: TuningRun, log: Callable[[], object], echo: Echo) -> None:
    """The trials under a progress bar; if MLflow is unavailable meanwhile, results are logged later."""
    train = towers_trainer(data.interactions, data.catalogue, data.profiles, search.seed)
    with tqdm(total=search.trials, initial=len(study.trials), unit="trial", disable=not sys.stderr.isatty()) as bar:

        def on_epoch(trial: int, epoch: int, score: float) -> None:
            bar.set_postfix_str(f"trial {trial} epoch {epoch}: {METRIC} {score:.4f}")

        def on_trial(trial: TrialRecord) -> None:
            bar.update()
            with bar.external_write_mode(file=sys.stderr):
                echo(f"trial {trial.number} {_result(trial)}: {_values(trial)}")
                try:
                    log()
                except DependencyUnavailable as error:
                    echo(f"not logged yet: {error.detail}")

        try:
            study.run(train, search.trials, search.timeout, on_trial, on_epoch)
        except KeyboardInterrupt:
            echo("interrupted; the same command resumes from here")
            raise


def _describe(study: TuningStudy, data: TuningData, search: TuningRun, echo: Echo) -> None:
    echo(f"data: {data.description}")
    echo(f"base: {search.config}; of every trial: {study.space.fixed or 'nothing else'}; pruning: {study.space.pruning.kind}")
    for name, parameter in study.space.parameters.items():
        echo(f"  {name}: {parameter}")
    echo(f"study {study.name} has {len(study.trials)} of {search.trials} trials")


def _result(trial: TrialRecord) -> str:
    return f"{METRIC} {trial.score:.4f}" if trial.score is not None else f"{trial.outcome} ({trial.note})"


def _values(trial: TrialRecord) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in trial.values.items()
    )


def _origin(study: TuningStudy, best: TrialRecord, data: TuningData, search: TuningRun) -> list[str]:
    return [
        f"Chosen by `{search.command}`:",
        f"study {study.name}, trial {best.number} of {len(study.trials)}, validation {METRIC} {best.score:.4f},",
        f"seed {search.seed}, on {data.description}.",
    ]


def as_toml(config: TrainConfig, comment: list[str]) -> str:
    """A training configuration as a file that `TrainConfig.load` reads back, under a comment."""
    lines = [f"# {line}" for line in comment]
    lines += [f"{name} = {json.dumps(value)}" for name, value in config.model_dump().items()]
    return "\n".join(lines) + "\n"
