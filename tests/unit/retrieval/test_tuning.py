"""A study finds the best, gives up what falls behind, and goes on where it was interrupted."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.errors import DependencyUnavailable, InvalidInput, NotFound
from retrieval.callbacks import OnEpoch
from retrieval.config import TrainConfig
from retrieval.search_space import SearchSpace
from retrieval.tuning import METRIC, TrialRecord, TuningStudy

EPOCHS = 6
BASE = TrainConfig(epochs=EPOCHS)
SPACE: Mapping[str, object] = {"parameters": {"dropout": {"low": 0.0, "high": 0.8}}, "pruning": {"startup_trials": 3}}


def open_study(home: Path, name: str = "study", base: TrainConfig = BASE, seed: int = 1, **space: object) -> TuningStudy:
    return TuningStudy(home / "studies.db", name, SearchSpace.of(**(dict(SPACE) | space)), base, "data", seed)


def learning(config: TrainConfig, _workdir: Path, on_epoch: OnEpoch) -> float:
    """A curve that rises towards a height which is greatest at a dropout of .3."""
    height = 1 - abs(config.dropout - 0.3)
    for epoch in range(1, EPOCHS + 1):
        on_epoch(epoch, {"loss": 1.0, METRIC: height * (1 - 0.5**epoch)})
    return height * (1 - 0.5**EPOCHS)


def test_the_best_trial_is_near_the_best_value_and_weak_ones_are_given_up(tmp_path: Path) -> None:
    study, seen, epochs = open_study(tmp_path), [], []
    study.run(learning, 16, on_trial=seen.append, on_epoch=lambda *point: epochs.append(point))
    assert study.trials == seen
    assert len(seen) == 16
    assert study.configuration(study.best).dropout == pytest.approx(0.3, abs=0.1)
    given_up = [trial for trial in seen if trial.outcome == "given up"]
    assert given_up
    assert all(trial.score is None and 2 <= len(trial.curve) < EPOCHS and "after epoch" in trial.note for trial in given_up)
    assert len(epochs) == sum(len(trial.curve) for trial in seen)


def test_the_base_configuration_is_the_first_trial_as_far_as_the_space_holds_it(tmp_path: Path) -> None:
    space = {
        "dropout": {"low": 0.0, "high": 0.8, "step": 0.05},
        "block": {"choices": ["hstu"]},
        "negatives": {"low": 1, "high": 5},
    }
    study = open_study(tmp_path, parameters=space)
    study.run(learning, 2)
    first, second = study.trials
    assert first.values["dropout"] == pytest.approx(BASE.dropout)
    assert first.values["block"] == "hstu"
    assert 1 <= int(first.values["negatives"]) <= 5
    assert second.values != first.values


@pytest.mark.parametrize("kind", ["hyperband", "off"])
def test_other_rules_of_giving_up(tmp_path: Path, kind: str) -> None:
    study = open_study(tmp_path, pruning={"kind": kind})
    study.run(learning, 12)
    assert any(trial.outcome == "given up" for trial in study.trials) == (kind == "hyperband")


def test_a_study_that_has_its_trials_runs_none(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    study.run(learning, 2)
    before = study.trials

    def never(*_: object) -> float:
        raise AssertionError("no trial was due")

    again = open_study(tmp_path)
    again.run(never, 2)
    again.run(never, 10, timeout=0)
    assert again.trials == before


class Interrupting:
    """Learns, but is cut short at one epoch of one trial; remembers where it was asked to work."""

    def __init__(self, trial: int) -> None:
        self.trial = trial
        self.folders: list[Path] = []
        self.dropouts: list[float] = []

    def __call__(self, config: TrainConfig, workdir: Path, on_epoch: OnEpoch) -> float:
        self.folders.append(workdir)
        self.dropouts.append(config.dropout)
        workdir.mkdir(parents=True, exist_ok=True)
        if len(self.folders) == self.trial:
            on_epoch(1, {METRIC: 0.1})
            raise KeyboardInterrupt
        return learning(config, workdir, on_epoch)


def test_an_interrupted_trial_is_repeated_in_its_folder_with_its_values(tmp_path: Path) -> None:
    train = Interrupting(trial=3)
    with pytest.raises(KeyboardInterrupt):
        open_study(tmp_path).run(train, 4)
    assert train.folders[2].is_dir(), "its checkpoints wait"
    study = open_study(tmp_path)
    assert len(study.trials) == 2
    study.run(train, 4)
    assert len(study.trials) == 4
    assert train.folders[3] == train.folders[2]
    assert train.dropouts[3] == train.dropouts[2]
    assert len(set(train.dropouts)) == 4
    assert not any(folder.exists() for folder in train.folders)


def test_the_same_seed_draws_the_same_values_and_another_seed_others(tmp_path: Path) -> None:
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        study = open_study(tmp_path, name, seed=seed)
        study.run(learning, 3)
        drawn.append([trial.values["dropout"] for trial in study.trials])
    assert drawn[0] == drawn[1] != drawn[2]


def test_another_space_base_or_seed_needs_another_name(tmp_path: Path) -> None:
    open_study(tmp_path, seed=3)  # looked at only, as a dry run does
    open_study(tmp_path).run(learning, 1)
    with pytest.raises(InvalidInput, match="another base and seed"):
        open_study(tmp_path, base=TrainConfig(epochs=EPOCHS, dim=32), seed=2)
    with pytest.raises(InvalidInput, match="another space"):
        open_study(tmp_path, parameters={"dropout": {"low": 0.0, "high": 0.5}})


def test_values_that_do_not_go_together_are_refused_and_counted(tmp_path: Path) -> None:
    space = {"heads": {"choices": [1, 2]}, "dim": {"choices": [6, 8]}}
    study = open_study(tmp_path, base=TrainConfig(epochs=EPOCHS, dim=8, heads=1), parameters=space)
    study.run(learning, 12)
    refused = [trial for trial in study.trials if trial.outcome == "refused"]
    assert refused
    assert all(trial.values == {"heads": 2, "dim": 6} and "heads is 2" in trial.note for trial in refused)


@pytest.mark.parametrize("name", ["", "../other", "it's"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="study"):
        open_study(tmp_path, name)


def test_no_best_before_a_trial_is_complete(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no trial"):
        _ = open_study(tmp_path).best


def test_a_bug_is_loud_and_its_trial_is_not_lost(tmp_path: Path) -> None:
    def broken(*_: object) -> float:
        raise ZeroDivisionError

    study = open_study(tmp_path)
    with pytest.raises(ZeroDivisionError):
        study.run(broken, 2)
    ended: list[TrialRecord] = []
    study.run(learning, 2, on_trial=ended.append)
    assert len(ended) == 2


def test_the_study_is_plain_sqlite(tmp_path: Path) -> None:
    open_study(tmp_path).run(learning, 1)
    with sqlite3.connect(tmp_path / "studies.db") as database:
        assert database.execute("SELECT count(*) FROM trials").fetchone() == (1,)
    database.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(DependencyUnavailable, match=r"studies.db: file is not a database"):
        open_study(tmp_path)
