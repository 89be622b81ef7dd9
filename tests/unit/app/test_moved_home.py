"""A home folder that is moved or copied goes on where it is; nothing goes back to where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from app import console, wiring
from core.bundle import FILES, MANIFEST, Manifest, digests
from core.settings import Settings
from feature_repo.adapters.feast_store import FeastFeatures

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models


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


@pytest.fixture
def old(marquee: Callable[..., Result], tmp_path: Path) -> Path:
    """A home with data, features and a production release."""
    marquee("features", "materialize")
    settings = console.settings()
    registry = wiring.registry(settings)
    registry.point("production", registry.register(bundle(tmp_path / "first", "first")))
    return settings.home


@pytest.fixture(params=["moved", "copied"])
def moved(old: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """The home in another folder; where it was is a file now, or a copy's original, which nobody may change."""
    new = tmp_path / "other disk" / "home"
    shutil.copytree(old, new)
    before = contents(old)
    if request.param == "moved":
        shutil.rmtree(old)
        old.write_text("no folder any more")
    yield Settings(home=new)
    assert before == contents(old) if request.param == "copied" else old.is_file()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_moved_home_loads_its_release_and_registers_the_next(moved: Settings, tmp_path: Path) -> None:
    registry = wiring.registry(moved)
    assert "first" in (registry.fetch("production") / MANIFEST).read_text()
    version = registry.register(bundle(tmp_path / "second", "second"))
    assert "second" in (registry.fetch(version) / MANIFEST).read_text()
    wiring.tracker(moved).log("later", {"a": 1}, {}, [tmp_path / "second"])
    written = [path for path in (moved.home / "mlflow" / "artifacts").rglob(MANIFEST) if "second" in path.read_text()]
    assert len(written) == 2


def test_a_moved_home_reads_and_materialises_its_own_features(moved: Settings) -> None:
    store = wiring.features(moved)
    online = store.read(1)
    assert online is not None
    moments = pl.DataFrame({"user_id": [1], "ts": [1.8e9]})
    [snapshot] = store.historical(moments)
    assert snapshot is not None
    assert snapshot.n_events == online.n_events == 2
    store.close()
    again = wiring.features(moved)
    again.materialize()
    assert names_of_sources(again) == {str(moved.home / "feast" / name) for name in ("user_records.parquet", "user_snapshots")}
    again.close()


def names_of_sources(store: FeastFeatures) -> set[str]:
    return {source.path for source in store._feast.list_data_sources() if hasattr(source, "file_options")}


def test_a_database_that_is_elsewhere_is_left_alone(old: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared.db"
    shutil.copy(old / "mlflow" / "mlflow.db", shared)
    other = Settings(home=tmp_path / "other", mlflow_tracking_uri=f"sqlite:///{shared}")
    assert "first" in (wiring.registry(other).fetch("production") / MANIFEST).read_text()
    assert wiring.registry(Settings(home=old)).fetch("production").is_dir()
