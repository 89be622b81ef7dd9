"""Which experiments run: on record before it happens, never two that conflict, and never half of a start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import DependencyUnavailable
from lake.adapters.memory import MemoryLake
from lifecycle.experiments import ExperimentRecord, NotRunning
from lifecycle.ledger import LedgerUnavailable, PromotionLedger
from lifecycle.ledger_entries import Action, Note
from recommender.experiments.definition import LayeredExperiment
from recommender.experiments.running import ExperimentConflict


class AwayLake(MemoryLake):
    """A lake that can be away."""

    away = False

    def version(self, table: str) -> int:
        if self.away:
            raise DependencyUnavailable("lake", "away")
        return super().version(table)

    def revise(self, *asked: Any) -> None:
        if self.away:
            raise DependencyUnavailable("lake", "away")
        super().revise(*asked)


@pytest.fixture
def lake() -> AwayLake:
    return AwayLake()


def record(lake: MemoryLake, folder: Path, now: float = 100.0) -> ExperimentRecord:
    return ExperimentRecord(PromotionLedger(lake, folder / "ledger", clock=lambda: now))


def ab(name: str = "trial", layer: str = "one", **fields: Any) -> LayeredExperiment:
    variants = {"control": {"share": 0.3}, "b": {"share": 0.7, "overrides": {"popular": {"k": 9}}}}
    return LayeredExperiment.of({"name": name, "layer": layer, "variants": variants, **fields}, "test.toml")


def test_what_was_started_is_what_runs_in_every_process(lake: AwayLake, tmp_path: Path) -> None:
    one = ab(buckets=[10, 20], forced={"ann": "b"})
    record(lake, tmp_path).start(one, actor="ann", why="to see")
    other = record(lake, tmp_path / "elsewhere")
    [run] = other.runs()
    assert (run.experiment, run.since, run.actor, run.why, run.until) == (one, 100.0, "ann", "to see", None)
    assert other.running() == [one]


def test_a_stop_ends_the_run_and_a_new_start_is_another(lake: AwayLake, tmp_path: Path) -> None:
    record(lake, tmp_path, 100.0).start(ab(), actor="ann", why="")
    record(lake, tmp_path, 200.0).stop("trial", actor="bob", why="enough")
    record(lake, tmp_path, 300.0).start(ab(min_effect=0.2), actor="ann", why="")
    first, second = record(lake, tmp_path).runs()
    assert (first.since, first.until, first.stopped_by, first.stopped_why) == (100.0, 200.0, "bob", "enough")
    assert (second.since, second.until, second.experiment.min_effect) == (300.0, None, 0.2)


def test_a_look_answers_when_something_is_new(lake: AwayLake, tmp_path: Path) -> None:
    ledger = PromotionLedger(lake, tmp_path)
    looking = ExperimentRecord(ledger)
    assert looking.look() == []
    assert looking.look() is None
    record(lake, tmp_path).start(ab(), actor="ann", why="")
    assert looking.look() == [ab()]
    ledger.append(Note(Action.REGISTERED, "ann", "3", 1.0))
    assert looking.look() == [ab()], "an entry about a release changes nothing"
    lake.away = True
    with pytest.raises(LedgerUnavailable):
        ExperimentRecord(ledger).look()


def test_what_conflicts_is_not_started_whoever_asks(lake: AwayLake, tmp_path: Path) -> None:
    record(lake, tmp_path).start(ab(), actor="ann", why="")
    for other in (ab("other"), ab("other", "two"), ab()):
        with pytest.raises(ExperimentConflict, match="trial"):
            record(lake, tmp_path).start(other, actor="bob", why="")
    assert record(lake, tmp_path).running() == [ab()]


def test_of_two_that_are_started_at_once_the_second_is_refused(lake: AwayLake, tmp_path: Path) -> None:
    def meanwhile(_: object) -> None:
        if not record(lake, tmp_path).running():
            record(lake, tmp_path).start(ab("first"), actor="bob", why="")

    racing = ExperimentRecord(PromotionLedger(lake, tmp_path), servable=meanwhile)
    with pytest.raises(ExperimentConflict, match="first"):
        racing.start(ab("second"), actor="ann", why="")
    assert record(lake, tmp_path).running() == [ab("first")]


def test_what_does_not_run_cannot_be_stopped(lake: AwayLake, tmp_path: Path) -> None:
    record(lake, tmp_path).start(ab(), actor="ann", why="")
    for dry_run in (True, False):
        with pytest.raises(NotRunning, match=r"'other'.*running: trial"):
            record(lake, tmp_path).stop("other", actor="ann", why="", dry_run=dry_run)


def test_a_dry_run_and_a_lake_that_is_away_start_and_stop_nothing(lake: AwayLake, tmp_path: Path) -> None:
    record(lake, tmp_path).start(ab(), actor="ann", why="", dry_run=True)
    assert record(lake, tmp_path).runs() == []
    lake.away = True
    with pytest.raises(LedgerUnavailable):
        record(lake, tmp_path).start(ab(), actor="ann", why="")
    lake.away = False
    assert record(lake, tmp_path).runs() == []
    record(lake, tmp_path).start(ab(), actor="ann", why="")
    record(lake, tmp_path).stop("trial", actor="ann", why="", dry_run=True)
    lake.away = True
    with pytest.raises(LedgerUnavailable):
        record(lake, tmp_path).stop("trial", actor="ann", why="")
    lake.away = False
    assert record(lake, tmp_path).running() == [ab()]


def test_the_chain_of_the_ledger_holds_with_experiments_in_it(lake: AwayLake, tmp_path: Path) -> None:
    record(lake, tmp_path).start(ab(forced={"zoë/1": "b"}), actor="ann", why="ü")
    record(lake, tmp_path).stop("trial", actor="ann", why="")
    ledger = PromotionLedger(lake, tmp_path / "ledger")
    assert ledger.verify() is None
    assert [entry.note.experiment for entry in ledger.entries()] == ["trial", "trial"]
