"""The commands on releases: what they show, what a dry run leaves alone, and that a broken ledger is an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from app import console, wiring
from app.usecases import releasing
from core.bundle import FILES, Manifest, digests
from lake.tables import LEDGER
from lifecycle.gates import GateCheck, GateResult
from lifecycle.ledger import LedgerBroken
from lifecycle.promotion import promote

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
YES = GateResult((GateCheck("fine", True, "as it should be"),))


def bundle(folder: Path, name: str) -> Path:
    """A release that is whole, if not one to serve."""
    folder.mkdir()
    for file in FILES:
        (folder / file).write_text(f"{name} {file}")
    Manifest(
        release=name, created="", code_version="", data_version={"interactions": 0}, trained_until=0.0,
        feature_schema="", dim=4, n_items=2, metrics={}, config={}, files=digests(folder),
    ).write(folder)  # fmt: skip
    return folder


def test_list_history_and_rollback(marquee: Callable[..., Result], tmp_path: Path) -> None:
    assert "no release is registered" in marquee("release", "list").stderr
    settings = console.settings()
    registry, ledger = wiring.registry(settings), wiring.ledger(settings)
    for name in ("first", "second"):
        version = releasing.register(settings, bundle(tmp_path / name, name), lambda _: None)
        promote(registry, ledger, version, YES, actor="cli:ann", why="it is spring")
    listed = marquee("release", "list").stdout
    for part in ("first", "second", "candidate, production", "previous", "Archived", "interactions 0"):
        assert part in listed
    assert "version 1, release first, would be" in marquee("release", "rollback", "--dry-run").stderr
    assert registry.version("production") == "2"
    marquee("release", "rollback", "--why", "it was worse")
    assert registry.version("production") == "1"
    told = marquee("release", "history")
    assert "the chain of 5 entries holds" in told.stderr
    for part in ("registered", "promoted", "it is spring", "rolled back", "it was worse", "cli:ann"):
        assert part in told.stdout
    lake = wiring.lake(settings)
    lake.replace(LEDGER, lake.read(LEDGER).with_columns(actor=pl.lit("cli:eve")))
    with pytest.raises(LedgerBroken, match="entry 1"):
        marquee("release", "history")
