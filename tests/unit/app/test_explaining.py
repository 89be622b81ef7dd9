"""What `marquee watch --explain` shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from app.usecases.explaining import latest_decisions, timeline_table
from core.errors import DependencyUnavailable
from core.settings import Settings
from monitoring.timeline import DECISIONS, Entry, Timeline


def shown(settings: Settings) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(timeline_table(settings))
    return capture.get()


def test_a_folder_without_decisions_says_how_to_get_one(tmp_path: Path) -> None:
    assert "no decision yet" in shown(Settings(home=tmp_path))


def test_a_decision_is_a_row_with_times_in_utc(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    Timeline(settings.folder("watch")).append(
        Entry(at=0.0, verdict="drift", reasons=("one", "two"), action="none: retraining on drift is off", next_at=60.0)
    )
    row = next(line for line in shown(settings).splitlines() if "1970-01-01 00:00:00" in line)
    for part in ("drift", "one; two", "none: retraining on drift is off", "1970-01-01 00:01:00"):
        assert part in row


def test_the_api_has_the_same_decisions_and_says_when_they_cannot_be_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    entry = Entry(at=0.0, verdict="ok", reasons=("calm",), action="none", next_at=60.0, release="r")
    Timeline(settings.folder("watch")).append(entry)
    expected = {"at": 0.0, "verdict": "ok", "reasons": ("calm",), "action": "none", "next_at": 60.0, "release": "r"}
    assert latest_decisions(settings, 5) == [expected]
    record = settings.folder("watch") / DECISIONS
    record.unlink()
    record.symlink_to(record)  # a loop, which nothing can open
    with pytest.raises(DependencyUnavailable, match="decision record"):
        latest_decisions(settings, 5)
