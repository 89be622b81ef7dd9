"""Letting a release in from the command line and after a retraining, on MLflow and a Delta lake."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app import console, wiring
from app.usecases import rolling_out
from app.usecases.retraining import Retrainer
from app.usecases.retraining_files import RetrainFiles
from core.bundle import FILES, Comparison, Manifest, digests
from core.errors import InvalidInput
from lifecycle.promotion import PromotionRefused, register, version_or_none
from lifecycle.retraining import Attempt
from lifecycle.rollouts import RolloutUnderWay

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
GOOD = {"ndcg@10": 0.2, "popularity_ndcg@10": 0.1, "lift_low": 0.05, "lift_high": 0.15, "coverage@10": 0.5}

BESIDE = Comparison(  # on the data of production there were no newer events to predict, but lists were timed
    production="one", start=0.0, end=1.0, queries=0, users=0, ndcg=0.0, production_ndcg=0.0, low=0.0, high=0.0,
    milliseconds=5.0, production_milliseconds=5.0,
)  # fmt: skip


def bundle(folder: Path, name: str, ndcg: float = 0.2) -> Path:
    folder.mkdir()
    for file in FILES:
        (folder / file).write_text(f"{name} {file}")
    Manifest(
        release=name, created="", code_version="abc", data_version={"interactions": 0}, trained_until=0.0, feature_schema="",
        dim=4, n_items=2, metrics=GOOD | {"ndcg@10": ndcg}, config={}, files=digests(folder), compared=BESIDE,
    ).write(folder)  # fmt: skip
    return folder


@pytest.fixture
def home(marquee: Callable[..., Result], tmp_path: Path) -> Callable[..., Result]:
    """With releases one (production), two and three, which are as good, and bad."""
    settings = console.settings()
    registry, ledger = wiring.registry(settings), wiring.ledger(settings)
    for name, ndcg in (("one", 0.2), ("two", 0.2), ("three", 0.2), ("bad", 0.05)):
        register(registry, ledger, bundle(tmp_path / name, name, ndcg), actor="test")
    marquee("release", "rollout", "1")  # there is no production release: nobody's lists are at stake
    assert registry.version("production") == "1"
    return marquee


def alias(name: str) -> str | None:
    return version_or_none(wiring.registry(console.settings()), name)


def test_a_person_lets_a_release_in_looks_at_it_and_stops_it(home: Callable[..., Result]) -> None:
    assert "no release is being let in" in home("release", "rollout").stderr
    assert "pass  it beats popularity" in home("release", "rollout", "2", "--dry-run").stderr
    assert alias("staging") is None
    told = home("release", "rollout", "2", "--why", "it is spring").stderr
    assert "version 2, release two, passed the gate and is in shadow" in told
    assert (alias("staging"), alias("production")) == ("2", "1")
    assert "version 2: shadow since" in home("release", "rollout").stderr
    with pytest.raises(RolloutUnderWay, match="version 2 is being let in"):
        home("release", "rollout", "3")
    assert "version 2: shadow" in home("release", "rollout", "--stop", "--dry-run").stderr
    assert alias("staging") == "2"
    assert "version 2 is taken out again" in home("release", "rollout", "--stop", "--why", "too soon").stderr
    assert alias("staging") is None
    history = home("release", "history").stdout
    for part in ("it is spring", "stopped", "too soon"):
        assert part in history


def test_the_gate_stands_before_it(home: Callable[..., Result]) -> None:
    with pytest.raises(PromotionRefused, match="version 4 stays out"):
        home("release", "rollout", "4")
    assert alias("staging") is None
    assert "not worse" in wiring.registry(console.settings()).tags("4")["refused"]


def test_what_was_not_compared_with_production_is_let_in_by_force_alone_and_says_so(home: Callable[..., Result]) -> None:
    home("release", "promote", "2")
    with pytest.raises(PromotionRefused, match="not compared with two"):
        home("release", "rollout", "3", "--why", "it is spring")
    told = home("release", "rollout", "3", "--force", "--why", "it is spring").stderr
    assert "did not pass the gate, was let in by force and is in shadow" in told
    assert alias("staging") == "3"
    tags = wiring.registry(console.settings()).tags("3")
    assert tags["gate"].startswith("failed: ")
    assert tags.get("refused", "") == ""


def test_a_promotion_by_a_person_begins_a_probation(home: Callable[..., Result]) -> None:
    home("release", "promote", "2")
    assert (alias("production"), alias("previous")) == ("2", "1")
    assert "version 2: probation since" in home("release", "rollout").stderr
    assert wiring.registry(console.settings()).tags("2")["holdback_share"] == "0.05"


def test_without_steps_a_release_is_production_at_once(home: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_CANARY_STEPS", "")
    console.settings.cache_clear()
    assert "release two is production" in home("release", "rollout", "2").stderr
    assert (alias("production"), alias("staging")) == ("2", None)


def test_no_retraining_starts_while_a_release_is_let_in(home: Callable[..., Result]) -> None:
    home("release", "rollout", "2")
    answer = Retrainer(console.settings()).ask("drift", ["tastes moved"])
    assert (answer.started, answer.reason) == (False, "version 2 is being let in (shadow)")


def test_a_retraining_whose_release_does_not_stay_in_is_one_without_success(home: Callable[..., Result]) -> None:
    settings = console.settings()
    files = RetrainFiles(settings.folder("retrain"))
    now = time.time()
    state = files.state(now).started(Attempt(trigger="drift", reasons=(), started_at=now))
    files.folder.mkdir(parents=True, exist_ok=True)
    files.write_state(state.ended(now, good=True, outcome="version 2 is in shadow", version="2"))
    home("release", "rollout", "2")
    home("release", "rollout", "--stop", "--why", "people disliked it")
    state = files.state(time.time())
    assert (state.failures, state.version) == (1, "2")
    assert "people disliked it" in state.outcome


def test_steps_that_are_none_are_named(monkeypatch: pytest.MonkeyPatch, home: Callable[..., Result]) -> None:
    with pytest.raises(InvalidInput, match="--stop"):
        home("release", "rollout", "2", "--stop")
    monkeypatch.setenv("MARQUEE_CANARY_STEPS", "50,5")
    console.settings.cache_clear()
    with pytest.raises(InvalidInput, match="MARQUEE_CANARY_STEPS is '50,5'"):
        rolling_out.config_of(console.settings())
