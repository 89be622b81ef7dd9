"""`marquee retrain`: what it says without starting anything, and when it refuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from app.console import settings
from app.usecases.retraining_files import RetrainFiles
from core.errors import AlreadyRunning
from core.settings import Settings
from lifecycle.retraining import RetrainState

if TYPE_CHECKING:
    from click.testing import Result


def test_a_dry_run_says_what_is_known_and_starts_nothing(marquee: Callable[..., Result]) -> None:
    files = RetrainFiles(settings().folder("retrain"))
    files.folder.mkdir()
    files.write_state(RetrainState().ended(time.time(), good=False, outcome="the disk was full"))
    said = marquee("retrain", "--dry-run").output
    for line in (
        "running: no",
        "the disk was full",
        "failures in a row: 1, which makes the cool-down 7200 s",
        "within 24 hours: 0 of at most 4",
        "by itself: the cool-down after 1 without success lasts until",
        "by hand: overrides: the cool-down",
    ):
        assert line in said
    assert files.state(time.time()).running is None


def test_it_refuses_where_the_switch_is_off(marquee: Callable[..., Result]) -> None:
    off = RetrainFiles(settings().folder("retrain")).off
    off.parent.mkdir()
    off.touch()
    with pytest.raises(AlreadyRunning, match=r"retraining\.off exists"):
        marquee("retrain", "--reason", "new season")


@pytest.mark.parametrize("name", ["MARQUEE_RETRAIN", "MARQUEE_RETRAIN_ON_DRIFT"])
def test_it_is_on_unless_a_variable_says_otherwise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().retrain
    monkeypatch.setenv(name, "false")
    assert not Settings().retrain
