"""The command line on a home with two films."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from click.testing import Result


@pytest.fixture
def marquee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs a command on a home with the films 1 and 2; an error of ours is raised."""
    from typer.testing import CliRunner

    from app import console
    from app.cli import app

    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "250")
    console.settings.cache_clear()
    (tmp_path / "x.csv").write_text("user_id,item_id,ts\n1,1,1700000000\n1,2,1700001000\n")
    (tmp_path / "y.csv").write_text("item_id,title\n1,One\n2,Two\n")

    def run(*arguments: str, given: bytes | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=given, catch_exceptions=False)

    run("data", "import", "--interactions", str(tmp_path / "x.csv"), "--items", str(tmp_path / "y.csv"))
    yield run
    console.settings.cache_clear()
