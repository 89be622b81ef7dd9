"""The decision record: order, bound, torn lines, and what a table of it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring.timeline import DECISIONS, Entry, Timeline


def entry(at: float, verdict: str = "ok") -> Entry:
    return Entry(at=at, verdict=verdict, reasons=("0 of 10 watched features drifted",), action="none", next_at=at + 60)


def test_decisions_come_back_in_the_order_of_the_checks_even_if_the_clock_was_set_back(tmp_path: Path) -> None:
    for at in (100.0, 160.0, 40.0):
        Timeline(tmp_path / "new").append(entry(at))  # a new one each time: what counts is on disk
    assert [found.at for found in Timeline(tmp_path / "new").newest(10)] == [100.0, 160.0, 40.0]
    assert [found.at for found in Timeline(tmp_path / "new").newest(2)] == [160.0, 40.0]


def test_no_record_yet_is_no_decision(tmp_path: Path) -> None:
    assert Timeline(tmp_path).newest(10) == []


@pytest.mark.parametrize("restarts", [False, True])
def test_the_file_is_bounded_and_keeps_the_newest(tmp_path: Path, restarts: bool) -> None:
    timeline = Timeline(tmp_path, kept=3)
    for at in range(20):
        if restarts:
            timeline = Timeline(tmp_path, kept=3)
        timeline.append(entry(float(at)))
        assert len((tmp_path / DECISIONS).read_text().splitlines()) <= 6
    assert [found.at for found in timeline.newest(3)] == [17.0, 18.0, 19.0]
    assert [path.name for path in tmp_path.iterdir()] == [DECISIONS]


def test_a_line_cut_off_by_a_crash_is_skipped_and_the_next_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Timeline(tmp_path).append(entry(1.0))
    with (tmp_path / DECISIONS).open("a") as file:
        file.write('{"at": 2.0, "verd')
    Timeline(tmp_path).append(entry(3.0))
    assert [found.at for found in Timeline(tmp_path).newest(10)] == [1.0, 3.0]
    assert "cannot be read and is skipped" in caplog.text
