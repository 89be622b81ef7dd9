"""What commands print on a terminal and where there is none: colours, bars, tables and flags."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from app import bars as bars_module
from app.bars import Bars
from app.reference import leaves
from core import progress

COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|4[0-7]|38;|48;)[0-9;]*m")


def on_a_terminal(arguments: Sequence[str], home: Path, **extra: str) -> str:
    """All that a command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "MARQUEE_HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "80", **extra}
    for name in ("CI", "GITHUB_ACTIONS", "FORCE_COLOR", "NO_COLOR"):
        if name not in extra:
            env.pop(name, None)
    command = [sys.executable, "-m", "app", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as child:
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # the other side is closed
            pass
        child.wait(timeout=120)
    os.close(ours)
    return said.decode()


@pytest.mark.parametrize("arguments", [("--help",), ("data", "info"), ("data", "load", "--hold-out", "2")], ids=" ".join)
def test_no_colour_where_nobody_wants_any(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert COLOUR.search(on_a_terminal(arguments, tmp_path))
    assert not COLOUR.search(on_a_terminal(arguments, tmp_path, NO_COLOR="1"))


def test_an_error_begins_with_what_happened(tmp_path: Path) -> None:
    said = on_a_terminal(("data", "load", "nowhere.zip"), tmp_path, NO_COLOR="1")
    assert re.sub(r"\x1b\[[0-9;]*m", "", said).startswith("error: there is no data set 'nowhere.zip'")


def test_every_dry_run_is_a_plain_flag_that_is_off() -> None:
    from app.cli import app

    root: Any = typer.main.get_command(app)
    found = [(path, option) for path, command in leaves(root, "marquee") for option in command.params if option.name == "dry_run"]
    assert len(found) > 10
    for path, option in found:
        assert (option.opts, option.secondary_opts, option.is_flag, option.default) == (["--dry-run"], [], True, False), path


def test_bars_are_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert not bars_module.err.is_terminal
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with Bars() as bars:
        some, share = bars.add_task("visits", total=None), bars.add_task("reading", total=4)
        bars.advance(some, 1200)
        bars.update(share, completed=1)
    assert capsys.readouterr().err.splitlines() == ["  visits: 1,200", "  reading: 25 %"]
    monkeypatch.setattr(progress, "EVERY", 10.0)
    with Bars() as bars:
        bars.advance(bars.add_task("visits", total=2), 2)
    assert capsys.readouterr().err == ""
