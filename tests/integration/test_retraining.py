"""Retrainings as real processes: started, killed at each step, gone on with; and what stops them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_release
from typer.testing import CliRunner

from app import wiring
from app.cli import app
from app.console import settings as settings_of
from app.ops.ownership import attending, sole_builder
from app.usecases.retraining import RequestedRetraining, Retrainer
from app.usecases.retraining_files import RetrainFiles
from core.errors import NotFound
from core.settings import Settings
from lifecycle.retraining import ASKED_BEFORE, Attempt, RetrainState
from monitoring.journal import STATUS
from monitoring.timeline import Timeline

PATIENCE = 120.0
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with the purchases of 60 customers and no release."""
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    settings_of.cache_clear()
    dice, lines = np.random.default_rng(0), ["user_id,item_id,ts,kind"]
    for user, begin in enumerate(dice.integers(0, 30, 60)):
        lines += [
            f"c{user},SKU-{(begin + step) % 30:04d},{1_600_000_000 + 7000 * (9 * user + step)},purchase" for step in range(9)
        ]
    (tmp_path / "shop.csv").write_text("\n".join(lines) + "\n")
    found = CliRunner().invoke(app, ["data", "import", "--interactions", str(tmp_path / "shop.csv")])
    assert found.exit_code == 0, found.output
    return settings_of()


@pytest.fixture
def files(settings: Settings) -> RetrainFiles:
    return RetrainFiles(settings.folder("retrain"))


def until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.01)


def kill_all(retrainer: Retrainer) -> None:
    """SIGKILL to the guard and to what it guards."""
    guard = retrainer._guard
    assert guard is not None
    for process in [*psutil.Process(guard.pid).children(recursive=True), psutil.Process(guard.pid)]:
        os.kill(process.pid, signal.SIGKILL)
    guard.wait()


def test_killed_at_each_step_it_goes_on_and_leaves_nothing(settings: Settings, files: RetrainFiles) -> None:
    retrainer = Retrainer(settings)
    answer = retrainer.ask("drift", ["tastes moved"])
    assert answer.started, answer
    assert not Retrainer(settings).ask("manual", []).started, "one at a time"
    steps: list[tuple[Callable[[], object], str]] = [
        ((files.work / "draft").exists, "training began"),
        (files.sealed, "the bundle is finished"),
        (lambda: "version" in files.progress(), "it is registered"),
    ]
    for happened, what in steps:
        until(happened, what)
        kill_all(retrainer)
        assert files.state(time.time()).running is not None, what
        retrainer = Retrainer(settings)  # another process, after a restart
        until(retrainer.go_on, f"goes on after: {what}")
    retrainer.wait()
    state = files.state(time.time())
    assert (state.running, state.failures, state.version, len(state.starts)) == (None, 0, "1", 1), state
    assert wiring.registry(settings).version("production") == "1"
    with pytest.raises(NotFound):
        wiring.registry(settings).version("2")
    mlflow = wiring.registry(settings)._mlflow
    (run,) = mlflow.client().search_runs([mlflow.experiment()], "params.trigger = 'drift'")
    assert run.data.params["reasons"] == "tastes moved"
    assert "retraining.json" in {one.path for one in mlflow.client().list_artifacts(run.info.run_id)}
    assert not files.work.exists()
    assert files.progress() == {}
    assert not retrainer.go_on(), "nothing is left to go on with"
    assert not retrainer.ask("drift", []).started, "the cool-down is remembered"


def test_a_low_acceptance_asks_once_for_a_release_and_both_are_on_record(
    settings: Settings, files: RetrainFiles, tmp_path: Path
) -> None:
    registry = wiring.registry(settings)
    built = tiny_release.copied(tiny_release.build(tmp_path / "build"), tmp_path / "tiny", "tiny")
    version = registry.register(built)
    registry.point("production", version)
    settings.folder("watch").mkdir(parents=True)
    figures = {"acceptance": {"per_user_day": 0.1, "user_days": 500}, "accuracy": None}
    (settings.folder("watch") / STATUS).write_text(json.dumps({"release": "tiny", "served": figures}))
    retrainer = Retrainer(Settings(home=settings.home, retrain_new_share=0.0))
    retrainer.look_at_triggers()
    files.off.touch()  # ends it
    retrainer.wait()
    files.off.unlink()
    state = files.state(time.time())
    assert state.answered == {"reward": (version,)}
    files.write_state(state.model_copy(update={"ended_at": None}))  # long after the cool-down
    for _ in range(3):
        retrainer.look_at_triggers()
    assert files.state(time.time()).running is None
    asked, held = Timeline(settings.folder("watch")).newest(10)
    assert asked.reasons == held.reasons == ("acceptance is 10.0%, below 50.0%",)
    assert "(reward) was started" in asked.action
    assert held.action == f"none: {ASKED_BEFORE}"


def test_a_guard_that_is_killed_takes_its_retraining_with_it(settings: Settings, files: RetrainFiles) -> None:
    retrainer = Retrainer(settings)
    assert retrainer.ask("manual", []).started
    guard = retrainer._guard
    assert guard is not None
    until(lambda: psutil.Process(guard.pid).children(), "it has a child")
    until((files.work / "draft").exists, "training began")
    guard.kill()
    guard.wait()
    until(lambda: "a retraining runs" not in retrainer.look()[1].reason, "the lock is free")
    files.off.touch()
    assert retrainer.go_on()
    assert "switched off" in files.state(time.time()).outcome
    assert not files.work.exists()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("MARQUEE_RETRAIN_MAX_MEMORY", "0.01", "GiB of memory"), ("MARQUEE_RETRAIN_MAX_HOURS", "0.0001", "took longer")],
)
def test_one_above_its_limits_is_ended(
    settings: Settings, files: RetrainFiles, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    retrainer = Retrainer(settings)
    assert retrainer.ask("manual", []).started
    retrainer.wait()
    state = files.state(time.time())
    assert said in state.outcome
    assert state.failures == 1
    assert not files.work.exists()


def test_the_switches_and_another_build_stop_a_manual_one(settings: Settings, files: RetrainFiles) -> None:
    with sole_builder(settings.home):
        assert "being built" in Retrainer(settings).ask("manual", []).reason
    files.off.touch()
    assert "retraining.off" in Retrainer(settings).ask("manual", []).reason
    files.off.unlink()
    assert "MARQUEE_RETRAIN" in Retrainer(Settings(home=settings.home, retrain=False)).ask("manual", []).reason


def test_a_clock_set_back_is_remembered(settings: Settings, files: RetrainFiles) -> None:
    files.write_state(RetrainState(ended_at=2e9))
    assert Retrainer(settings, lambda: 1.9e9).ask("drift", []).next_at == 1.9e9 + 3600
    assert Retrainer(settings, lambda: 1.9e9 + 3599).ask("drift", []).next_at == 1.9e9 + 3600


def test_a_damaged_state_waits_and_what_is_killed_again_and_again_is_given_up(settings: Settings, files: RetrainFiles) -> None:
    files.folder.mkdir()
    (files.folder / "state.json").write_text('{"starts": [1')
    assert not Retrainer(settings).ask("drift", []).started
    files.write_state(RetrainState(running=Attempt(trigger="drift", reasons=(), started_at=1.0, interruptions=5)))
    assert Retrainer(settings).go_on()
    assert files.state(time.time()).outcome == "it was killed 6 times"


def test_the_api_leaves_a_request_that_a_watchdog_takes_up(settings: Settings, files: RetrainFiles) -> None:
    asking = RequestedRetraining(settings)
    assert "no watchdog runs" in asking.ask("manual", ["new season"]).reason
    with attending(settings.home):
        assert asking.ask("manual", ["new season"]).started
    assert files.requested() == ["new season"]
    retrainer, stop = Retrainer(settings), threading.Event()
    watchdog = threading.Thread(target=retrainer.attend, args=(stop,))
    watchdog.start()
    until(lambda: files.requested() is None, "the request is taken up")
    running = files.state(time.time()).running
    assert running is not None
    assert running.reasons == ("new season",)
    until((files.work / "draft").exists, "training began")
    stop.set()
    watchdog.join()
    retrainer.wait()  # it ends with the thread that started it
    assert files.state(time.time()).running is not None, "and the next watchdog goes on with it"
