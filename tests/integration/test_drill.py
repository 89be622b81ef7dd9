"""`marquee drill drift` in small: every act comes out as it has to, and a drill that does not says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.usecases.drill.config import DrillConfig
from app.usecases.drill.running import run_drift
from app.usecases.drill.story import DrillFailed, Told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a minute or two on two idle cores


def test_every_act_comes_out_as_it_has_to(tmp_path: Path) -> None:
    report = tmp_path / "drift.html"
    ran = CliRunner().invoke(app, ["drill", "drift", "--small", "--report", str(report)])
    assert ran.exit_code == 0, ran.output
    for line in (
        "the watchdog notices within 3 windows",
        "asked again, it is refused by the cool-down",
        "it passes shadow and canary and takes over",
        "acceptance recovers",
        "the gate refuses it",
        "it is stopped in canary",
        "it is rolled back by itself to the one before",
        "nobody was left without a list",
    ):
        assert f"as expected: {line}" in ran.output
    assert "NOT AS EXPECTED" not in ran.output
    assert "<svg" in report.read_text()


def test_a_drill_that_does_not_come_out_says_what_and_leaves_its_page(tmp_path: Path) -> None:
    page, told = tmp_path / "drift.html", list[Told]()
    impossible = replace(DrillConfig().small(), max_windows=0)
    with pytest.raises(DrillFailed, match="the watchdog notices within 0 windows"):
        run_drift(impossible, page, told.append)
    assert "Not as expected: the watchdog notices within 0 windows" in page.read_text()
    assert told[-1].text.startswith("NOT AS EXPECTED")
