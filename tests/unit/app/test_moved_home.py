"""A home folder that is moved or copied goes on where it is; nothing goes back to where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from app import console, wiring
from app.usecases import releasing
from core import columns as c
from core.bundle import FILES, MANIFEST, Manifest, digests
from core.settings import Settings
from feature_repo.adapters.feast_store import FeastFeatures
from lake.tables import LEDGER
from lifecycle.gates import GateCheck, GateResult
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


@pytest.fixture
def old(marquee: Callable[..., Result], tmp_path: Path) -> Path:
    """A home with data, features and a production release, whose registration and promotion are in the ledger."""
    marquee("features", "materialize")
    settings = console.settings()
    version = releasing.register(settings, bundle(tmp_path / "first", "first"), lambda _: None)
    promote(wiring.registry(settings), wiring.ledger(settings), version, YES, actor="cli:ann")
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


def test_a_moved_home_has_its_ledger_and_goes_on_with_it(
    moved: Settings, marquee: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEE_HOME", str(moved.home))
    console.settings.cache_clear()
    told = marquee("release", "history")
    assert "the chain of 2 entries holds" in told.stderr
    assert "cli:ann" in told.stdout
    releasing.register(moved, bundle(tmp_path / "second", "second"), lambda _: None)
    assert "the chain of 3 entries holds" in marquee("release", "history").stderr


def test_a_ledger_that_lost_its_end_on_the_way_is_noticed(moved: Settings) -> None:
    lake = wiring.lake(moved)
    lake.replace(LEDGER, lake.read(LEDGER).filter(pl.col(c.NUMBER) == 1))  # by itself the chain holds
    broken = wiring.ledger(moved).verify()
    assert broken is not None
    assert broken.number == 2


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
