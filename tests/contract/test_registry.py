"""The contract of ModelRegistry and Tracker, run on the folder registry, and on MLflow with SQLite and with PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from core.bundle import FILES, MANIFEST, Manifest, digests, open_bundle
from core.errors import BundleCorrupt, InvalidInput, NotFound
from core.feature_schema import LEGACY
from core.ports import ModelRegistry, Tracker
from lifecycle.adapters.memory import FolderRegistry, MemoryTracker
from lifecycle.adapters.mlflow import MlflowRegistry
from lifecycle.adapters.mlflow_tracker import MlflowTracker

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
SCHEMA = LEGACY
_names = (f"model-{n}" for n in itertools.count())


def make_bundle(folder: Path, release: str) -> Path:
    """A whole bundle whose files say which release they are of."""
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(f"{name} of {release}")
    Manifest(
        release=release,
        created="2026-11-20T22:15:30Z",
        code_version="0.1.0",
        data_version={"interactions": 3},
        trained_until=1.5e9,
        feature_schema=SCHEMA.digest,
        dim=64,
        n_items=5,
        metrics={"ndcg@10": 0.1},
        config={},
        files=digests(folder),
    ).write(folder)
    return folder


@pytest.fixture(scope="session")
def sqlite_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for the run: making its tables takes seconds. Each test has its own model in it."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


# MLflow's databases, by the fixture that has the address
DATABASES = ("sqlite_uri", pytest.param("postgres_uri", marks=pytest.mark.service("postgresql")))


Make = Callable[[], ModelRegistry]


@pytest.fixture(params=["folder", *DATABASES])
def make_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A function that opens the test's registry anew, as another process would."""
    if request.param == "folder":
        return lambda: FolderRegistry(tmp_path / "registry")
    uri, name = request.getfixturevalue(request.param), next(_names)
    return lambda: MlflowRegistry(uri, tmp_path / "artifacts", name, tmp_path / "cache")


@pytest.fixture
def registry(make_registry: Make) -> ModelRegistry:
    return make_registry()


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, Path]:
    return make_bundle(tmp_path / "a", "release-a"), make_bundle(tmp_path / "b", "release-b")


def test_registered_bundles_are_fetched_complete(registry: ModelRegistry, bundles: tuple[Path, Path]) -> None:
    versions = [registry.register(bundle) for bundle in bundles]
    for version, bundle in zip(versions, bundles, strict=True):
        fetched = registry.fetch(version)
        assert open_bundle(fetched, SCHEMA).release == f"release-{bundle.name}"
        assert {path.name for path in fetched.iterdir()} == {*FILES, MANIFEST}


def test_versions_are_distinct_and_a_registered_bundle_may_change_or_vanish(
    registry: ModelRegistry, bundles: tuple[Path, Path]
) -> None:
    first = registry.register(bundles[0])
    (bundles[0] / FILES[0]).write_text("edited after registration")
    assert registry.register(bundles[1]) != first
    assert open_bundle(registry.fetch(first), SCHEMA).release == "release-a"


def test_an_alias_moves_and_survives_the_process(make_registry: Make, bundles: tuple[Path, Path]) -> None:
    registry = make_registry()
    assert registry.aliases() == {}
    first, second = (registry.register(bundle) for bundle in bundles)
    assert registry.aliases() == {}
    registry.point("production", first)
    assert make_registry().version("production") == first
    assert make_registry().aliases() == {"production": first}
    registry.point("production", second)
    registry.point("previous", first)
    again = make_registry()
    assert (again.version("production"), again.version("previous")) == (second, first)
    assert again.aliases() == {"production": second, "previous": first}
    registry.remove("previous")
    assert again.aliases() == {"production": second}
    assert open_bundle(again.fetch("production"), SCHEMA).release == "release-b"
    assert again.fetch("production") == again.fetch(second)


@pytest.mark.parametrize("name", ["production", "99", "no such name"])
def test_an_unknown_name_is_not_found(registry: ModelRegistry, bundles: tuple[Path, Path], name: str) -> None:
    with pytest.raises(NotFound):
        registry.fetch(name)
    registry.register(bundles[0])
    with pytest.raises(NotFound):
        registry.fetch(name)
    with pytest.raises(NotFound):
        registry.version(name)


def test_an_alias_cannot_mean_an_unknown_version(registry: ModelRegistry, bundles: tuple[Path, Path]) -> None:
    version = registry.register(bundles[0])
    registry.point("production", version)
    with pytest.raises(NotFound):
        registry.point("production", "99")
    assert registry.version("production") == version


@pytest.mark.parametrize("alias", ["3", "v3", "latest", "", "../production", "Production"])
def test_an_alias_that_could_be_mistaken_is_refused(registry: ModelRegistry, bundles: tuple[Path, Path], alias: str) -> None:
    version = registry.register(bundles[0])
    with pytest.raises(InvalidInput, match="alias is"):
        registry.point(alias, version)


def test_a_folder_without_a_manifest_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleCorrupt, match=MANIFEST):
        registry.register(tmp_path / "empty")


def test_versions_have_aliases_tags_and_a_stage(make_registry: Make, bundles: tuple[Path, Path]) -> None:
    registry = make_registry()
    assert registry.versions() == []
    first, second = (registry.register(bundle) for bundle in bundles)
    assert [one.tags["stage"] for one in registry.versions()] == ["None", "None"]
    registry.point("production", first)
    registry.point("canary", second)
    registry.tag(second, "refused", "it is damaged")
    registry.tag(second, "refused", "it lacks a file")
    found = make_registry().versions()
    assert [(one.version, one.aliases, one.tags["stage"]) for one in found] == [
        (first, ("production",), "Production"),
        (second, ("canary",), "Staging"),
    ]
    assert found[1].tags["refused"] == "it lacks a file"
    assert found[0].created <= found[1].created
    registry.point("production", second)
    registry.mirror_stages()
    assert [one.tags["stage"] for one in registry.versions()] == ["Archived", "Production"]
    with pytest.raises(NotFound):
        registry.tag("99", "refused", "no such version")


def test_a_removed_alias_means_nothing(make_registry: Make, bundles: tuple[Path, Path]) -> None:
    registry = make_registry()
    first, second = (registry.register(bundle) for bundle in bundles)
    registry.point("production", first)
    registry.point("canary", second)
    for _ in range(2):  # harmless to repeat
        registry.remove("canary")
        with pytest.raises(NotFound):
            make_registry().version("canary")
    assert registry.version("production") == first
    assert registry.tags(second)["stage"] == "Archived"
    with pytest.raises(InvalidInput, match="alias is"):
        registry.remove("v3")


def test_the_tags_of_one_version(registry: ModelRegistry, bundles: tuple[Path, Path]) -> None:
    first, second = (registry.register(bundle) for bundle in bundles)
    registry.tag(second, "canary_share", "0.05")
    assert registry.tags(second)["canary_share"] == "0.05"
    assert "canary_share" not in registry.tags(first)
    assert registry.tags(first)["stage"] == "None"
    with pytest.raises(NotFound):
        registry.tags("99")


@pytest.fixture(params=["memory", *DATABASES])
def tracker(request: pytest.FixtureRequest, tmp_path: Path) -> Tracker:
    if request.param == "memory":
        return MemoryTracker()
    return MlflowTracker(request.getfixturevalue(request.param), tmp_path / "artifacts")


def test_every_run_gets_its_own_id(tracker: Tracker, tmp_path: Path) -> None:
    (tmp_path / "curve.txt").write_text("0.1 0.2")
    params = {f"setting.{n}": n for n in range(130)}  # more than MLflow takes in one call
    metrics = {"ndcg@10": 0.2, "lift_low": 0.01, "not_measured": float("nan")}
    curves = {"learning/loss": [(1, 2.0), (2, 1.5)]}
    ids = {tracker.log("release-a", params, metrics, [tmp_path / "curve.txt"], curves, "**good**") for _ in range(2)}
    assert len(ids) == 2


def test_a_run_gets_more_files_and_tags_later(tracker: Tracker, tmp_path: Path) -> None:
    (tmp_path / "gate.html").write_text("passed")
    name = f"release-{next(_names)}"
    with pytest.raises(NotFound, match=name):
        tracker.attach(name, [tmp_path / "gate.html"], {})
    tracker.log(name, {}, {}, [])
    for verdict in ("failed", "passed"):  # judged twice
        tracker.attach(name, [tmp_path / "gate.html"], {"gate": verdict}, f"it {verdict}")
