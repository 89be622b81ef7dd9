"""`marquee data import --replace`, then the whole of `marquee init`: it trains on exactly the new data, and publishes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from app import console, wiring
from app.cli import app
from app.usecases import steps
from app.usecases.tuning import as_toml
from core.bundle import read_manifest
from core.settings import Settings
from lake.items_feed import keys_of_ids
from lake.tables import INTERACTIONS
from recommender.release import open_release
from retrieval.config import TrainConfig

pytestmark = pytest.mark.service("milvus")
NOW = 1_700_000_000


@pytest.fixture
def home(tmp_path: Path, milvus_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MARQUEE_MILVUS_URI", milvus_uri)
    console.settings.cache_clear()
    yield console.settings()
    console.settings.cache_clear()


def plays(folder: Path, name: str, users: int, items: int) -> tuple[Path, pl.DataFrame]:
    """A file of events whose user and item ids begin with `name`, and its rows: everybody goes round the items in one order."""
    rows = [
        (f"{name}-u{user}", f"{name}-i{(7 * user + at) % items}", NOW + 3600 * at + user)
        for user in range(users)
        for at in range(12)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "ts"], orient="row")
    frame.write_csv(folder / f"{name}.csv")
    return folder / f"{name}.csv", frame


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_init_after_a_replacing_import_trains_on_exactly_what_was_imported(home: Settings, tmp_path: Path) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(as_toml(TrainConfig(dim=8, blocks=1, heads=1, epochs=1, batch_events=256, validation_share=0.1), []))
    first, _ = plays(tmp_path, "old", 60, 30)
    second, rows = plays(tmp_path, "new", 50, 25)
    run("data", "import", "--interactions", str(first))
    run("init", "--config", str(config))
    before = read_manifest(wiring.registry(home).fetch("production"))
    run("data", "import", "--replace", "--yes", "--interactions", str(second))
    run("init", "--config", str(config))

    ids = {key: id_ for id_, key in keys_of_ids(wiring.lake(home)).items()}
    found = steps.stored(home)
    held = found.interactions.select("external_user", pl.col("item_id").replace_strict(ids), pl.col("ts").cast(pl.Int64))
    assert sorted(held.rows()) == sorted(rows.rows())
    release = open_release(wiring.registry(home).fetch("production"))
    assert release.manifest.release != before.release
    assert release.manifest.data_version[INTERACTIONS] == found.data_version[INTERACTIONS]
    assert {ids[key] for key in release.catalogue.ids.tolist()} == set(rows["item_id"])
    assert float(release.stats.n_events.sum()) == len(rows)
    assert wiring.milvus(home).ready(release.name)
    again = run("init", "--config", str(config))
    assert "which is used" in again
    assert "there is a production release already" in again
