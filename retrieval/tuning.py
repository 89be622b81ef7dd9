"""Hyperparameter search: an Optuna study whose trials are training runs, pruned when their validation NDCG falls behind.

The study is stored in an SQLite file. An interrupted study is resumed: finished trials are kept, and the interrupted one is
run again with the same values and resumes from its own checkpoint.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import optuna
import polars as pl
from optuna.trial import TrialState

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable, InvalidInput, NotFound
from core.features import Profiles
from retrieval.callbacks import OnEpoch
from retrieval.config import TrainConfig
from retrieval.search_space import SearchSpace, Value
from retrieval.training import train_towers

METRIC = "ndcg@10"  # on validation events, of the best epoch
_IDENTITY, _FOLDER, _NOTE = "identity", "folder", "note"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SEEDS = 2**32  # numpy's

Train = Callable[[TrainConfig, Path, OnEpoch], float]  # configuration, folder for checkpoints, callback -> METRIC
TrialOutcome = Literal["complete", "given up", "refused"]


@dataclass(frozen=True)
class TrialRecord:
    """A trial that ended."""

    number: int
    outcome: TrialOutcome
    values: dict[str, Value]
    curve: dict[int, float]  # epoch -> METRIC
    score: float | None  # None unless complete
    note: str  # why it is not complete


class TrialGivenUp(Exception):
    """Ends the training of a trial that fell behind the others."""


def towers_trainer(interactions: pl.DataFrame, catalogue: Catalogue, profiles: Profiles | None, seed: int) -> Train:
    """Trials are runs of `train_towers` on this data."""

    def train(config: TrainConfig, workdir: Path, on_epoch: OnEpoch) -> float:
        trained = train_towers(
            interactions, catalogue, config, workdir, seed=seed, progress=False, profiles=profiles, on_epoch=on_epoch
        )
        return trained.metrics[METRIC]

    return train


class TuningStudy:
    """A named study: its search space, the base configuration of all trials, and the trials so far."""

    def __init__(self, storage: Path, name: str, space: SearchSpace, base: TrainConfig, data: str, seed: int) -> None:
        """Opens or creates the study. `data` identifies the training data.

        Raises InvalidInput when the space does not fit the base configuration, or a different study has that name, and
        DependencyUnavailable when the file cannot be used.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput("study", name, "letters, digits, dots, dashes and underscores")
        space.check(base)
        self.name = name
        self.space = space
        self.base = base
        self.seed = seed
        self._folders = storage.parent / name
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _check_storage(storage)
        self._study = optuna.create_study(
            storage=f"sqlite:///{storage}", study_name=name, direction="maximize", pruner=self._pruner(), load_if_exists=True
        )
        self._identity = {"base": base.model_dump(), "space": space.model_dump(mode="json"), "data": data, "seed": seed}
        self._require_same()

    @property
    def trials(self) -> list[TrialRecord]:
        """The trials that ended, in order."""
        return [_record(trial) for trial in self._study.trials if _ended(trial)]

    @property
    def best(self) -> TrialRecord:
        """The complete trial with the highest score, the first one in a tie. Raises NotFound."""
        complete = [trial for trial in self.trials if trial.score is not None]
        if not complete:
            raise NotFound(f"no trial of study {self.name} is complete yet: give it more trials or more time")
        return max(complete, key=lambda trial: trial.score or 0.0)

    def configuration(self, record: TrialRecord) -> TrainConfig:
        """The configuration that the trial trained."""
        return self.space.configuration(self.base, record.values)

    def run(
        self,
        train: Train,
        trials: int,
        timeout: float = float("inf"),
        on_trial: Callable[[TrialRecord], None] = lambda _: None,
        on_epoch: Callable[[int, int, float], None] = lambda *_: None,
    ) -> None:
        """Run trials until the study has `trials` of them; no trial starts after `timeout` seconds.

        The first one is the base configuration itself, as far as the space contains it, so that the result is never worse.
        `on_trial` gets each trial that ended, `on_epoch` gets (trial, epoch, METRIC). An exception of `train` leaves the
        trial unfinished: the next `run` repeats it.
        """
        deadline = time.monotonic() + timeout
        self._study.set_user_attr(_IDENTITY, self._identity)
        self._retry_interrupted()
        if not self._study.trials:
            self._study.enqueue_trial(self.space.values_of(self.base))
        while len(self.trials) < trials and time.monotonic() < deadline:
            on_trial(self._run_one(train, on_epoch))

    def _run_one(self, train: Train, on_epoch: Callable[[int, int, float], None]) -> TrialRecord:
        trial = self._next_trial()
        folder = self._folders / _folder(trial)
        try:
            config = self.space.configuration(self.base, self.space.suggest(trial))
            score = train(config, folder, self._reporter(trial, config, on_epoch))
        except (InvalidInput, TrialGivenUp) as reason:
            trial.set_user_attr(_NOTE, str(reason))
            ended = self._study.tell(trial, state=TrialState.PRUNED)
        else:
            ended = self._study.tell(trial, score)
        shutil.rmtree(folder, ignore_errors=True)
        return _record(ended)

    def _next_trial(self) -> optuna.Trial:
        """The next trial. Its draws depend only on the seed and its number, so a resumed study never repeats one."""
        seed = (self.seed * 1_000_003 + len(self._study.trials)) % _SEEDS
        self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        return self._study.ask()

    def _reporter(self, trial: optuna.Trial, config: TrainConfig, on_epoch: Callable[[int, int, float], None]) -> OnEpoch:
        def report(epoch: int, point: Mapping[str, float]) -> None:
            if epoch % config.validate_every:
                return
            trial.report(point[METRIC], epoch)
            on_epoch(trial.number, epoch, point[METRIC])
            if epoch >= self.space.pruning.warm_up_epochs and trial.should_prune():
                raise TrialGivenUp(f"behind the other trials after epoch {epoch}")

        return report

    def _retry_interrupted(self) -> None:
        """Enqueues trials that are still marked as running: the caller allows one process at a time, so theirs has died."""
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._study.enqueue_trial(trial.params, user_attrs={_FOLDER: _folder(trial)})

    def _require_same(self) -> None:
        """Raises InvalidInput that names the difference if the space, data or seed differ: scores would not be comparable."""
        found = self._study.user_attrs.get(_IDENTITY)
        if found is None:
            return
        wanted = json.loads(json.dumps(self._identity))
        if differing := [key for key in wanted if wanted[key] != found.get(key)]:
            raise InvalidInput(
                "study", self.name, f"a new name (--study): the one of this name has another {' and '.join(differing)}"
            )

    def _pruner(self) -> optuna.pruners.BasePruner:
        rule = self.space.pruning
        if rule.kind == "off":
            return optuna.pruners.NopPruner()
        if rule.kind == "median":
            return optuna.pruners.MedianPruner(n_startup_trials=rule.startup_trials, n_warmup_steps=rule.warm_up_epochs)
        epochs = self.space.configuration(self.base, {}).epochs
        return optuna.pruners.HyperbandPruner(min_resource=max(1, rule.warm_up_epochs), max_resource=epochs)


def _check_storage(path: Path) -> None:
    """Raises DependencyUnavailable unless the file can be created or is an SQLite database."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA schema_version")
    except (OSError, sqlite3.Error) as error:
        raise DependencyUnavailable(
            "study storage", f"{path}: {error}", "move the file away, or fix the permissions of its folder"
        ) from error


def _folder(trial: optuna.Trial | optuna.trial.FrozenTrial) -> str:
    """A repeated trial uses the folder of the interrupted one."""
    return str(trial.user_attrs.get(_FOLDER, f"trial-{trial.number}"))


def _ended(trial: optuna.trial.FrozenTrial) -> bool:
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def _record(trial: optuna.trial.FrozenTrial) -> TrialRecord:
    complete = trial.state == TrialState.COMPLETE
    outcome: TrialOutcome = "complete" if complete else "given up" if trial.intermediate_values else "refused"
    score = trial.value if complete else None
    return TrialRecord(trial.number, outcome, trial.params, trial.intermediate_values, score, trial.user_attrs.get(_NOTE, ""))
