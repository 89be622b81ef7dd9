"""The documented path of a second user: a file of their own, `marquee data import`, `marquee init`, and a release is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app import wiring
from app.cli import app
from app.console import settings
from core.bundle import read_manifest
from recommender.release import open_release

USERS, ITEMS = 120, 40


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    return tmp_path


def shop(path: Path) -> Path:
    """Purchases of string ids in a fixed round, without values, titles or an item file."""
    dice = np.random.default_rng(0)
    lines = [
        f"customer-{u},SKU-{(begin + step) % ITEMS:04d},{1_600_000_000 + 7000 * (9 * u + step)},purchase"
        for u, begin in enumerate(dice.integers(0, ITEMS, USERS))
        for step in range(9)
    ]
    path.write_text("\n".join(["user_id,item_id,ts,kind", *lines]) + "\n")
    return path


def test_import_then_init_makes_a_release_of_that_data(home: Path) -> None:
    runner = CliRunner()
    imported = runner.invoke(app, ["data", "import", "--interactions", str(shop(home / "shop.csv"))])
    assert imported.exit_code == 0, imported.output
    made = runner.invoke(app, ["init"], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    assert "validation NDCG@10 after 3 epochs" in made.output, "the data choose the preset"
    assert "`marquee up` starts this folder's own Milvus" in made.output
    release = open_release(wiring.registry(settings()).fetch("production"))
    assert (release.manifest.config["preset"], release.manifest.n_items) == ("auto", ITEMS)
    assert release.manifest.trained_until > read_manifest(release.folder).judged_from > 1.6e9
    again = runner.invoke(app, ["init"], catch_exceptions=False)
    assert again.exit_code == 0
    assert "there is a production release already" in again.output
