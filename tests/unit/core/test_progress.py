"""Without a terminal, long work writes a line each ten seconds and no bars."""

from __future__ import annotations

import itertools

import pytest

from core import progress
from core.progress import Lines, watched


def test_a_line_each_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = itertools.count()  # a second a call: one at the start, one or two for each line
    lines = Lines(lambda: float(next(ticks)))
    for step in range(25):
        lines.tell(lambda step=step: f"step {step}")
    written = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in written] == ["step"] * 2


def test_work_of_less_than_that_writes_nothing_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(watched(range(1000), "things")) == list(range(1000))
    assert list(watched(iter("abc"), "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_it_says_what_and_how_much_of_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    assert len(list(watched(range(1500), "things"))) == 1500
    assert capsys.readouterr().err.splitlines()[-1] == "  things: 1,500 of 1,500"
