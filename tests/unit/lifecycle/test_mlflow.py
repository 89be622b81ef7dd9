"""What MLflow's adapters do beyond the port: the cache that outlives the service, tags, linked runs, short waits."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.bundle import FILES, RANKER, Manifest, digests, open_bundle
from core.errors import BundleCorrupt, DependencyUnavailable, NotFound, StorageFull
from core.feature_schema import LEGACY
from lifecycle.adapters.mlflow import MlflowRegistry
from lifecycle.adapters.mlflow_sdk import REQUEST_SECONDS, MlflowConnection, _address
from lifecycle.adapters.mlflow_tracker import MlflowTracker
from lifecycle.adapters.mlflow_versions import ServerVersions, TableVersions

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
SCHEMA = LEGACY
_names = (f"unit-{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(name)
    release = f"release-{next(_names)}"
    Manifest(
        release=release, created="", code_version="", data_version={"interactions": 3}, trained_until=0.0,
        feature_schema=SCHEMA.digest, dim=4, n_items=5, metrics={"ndcg@10": 0.125}, config={}, files=digests(folder),
    ).write(folder)  # fmt: skip
    return folder


@pytest.fixture
def name() -> str:
    return next(_names)


Make = Callable[[str], MlflowRegistry]


@pytest.fixture
def at(tmp_path: Path, name: str) -> Make:
    """The registry at an address; all share one cache."""
    return lambda uri: MlflowRegistry(uri, tmp_path / "artifacts", name, tmp_path / "cache")


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_while_mlflow_is_unavailable_the_last_known_release_is_served_and_logged(
    at: Make, tracking_uri: str, bundle: Path, free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    registry = at(tracking_uri)
    version = registry.register(bundle)
    registry.point("production", version)
    folder = registry.fetch("production")
    gone = at(f"http://127.0.0.1:{free_port()}")
    with caplog.at_level(logging.WARNING, "lifecycle"):
        assert gone.fetch("production") == gone.fetch(version) == folder
    assert "mlflow is unavailable" in caplog.text
    assert "local copy" in caplog.text
    with pytest.raises(DependencyUnavailable) as caught:
        gone.fetch("staging")
    assert caught.value.service == "mlflow"
    with pytest.raises(DependencyUnavailable):
        gone.register(bundle)


@pytest.mark.parametrize("uri", ["sqlite:////proc/nowhere/mlflow.db", "postgresql://marquee@127.0.0.1:1/mlflow"])
def test_a_database_that_cannot_be_opened_is_unavailable(at: Make, uri: str) -> None:
    with pytest.raises(DependencyUnavailable, match="could not open the tracking store"):
        at(uri).fetch("production")


def test_a_file_that_is_not_a_database_is_unavailable(at: Make, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("certainly not SQLite, and long enough to be read as a header of it" * 20)
    with pytest.raises(DependencyUnavailable, match="not a database"):
        at(f"sqlite:///{tmp_path / 'mlflow.db'}").fetch("production")


def test_a_server_that_never_answers_does_not_hang(at: Make, silent_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REQUEST_SECONDS <= 10
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(DependencyUnavailable, match="timed out"):
        at(silent_server).fetch("production")


def test_a_damaged_copy_is_fetched_again(at: Make, tracking_uri: str, bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = at(tracking_uri)
    version = registry.register(bundle)
    folder = registry.fetch(version)
    (folder / RANKER).write_text("edited")
    with caplog.at_level(logging.WARNING, "lifecycle"):
        assert registry.fetch(version) == folder
    assert open_bundle(folder, SCHEMA)
    assert "damaged" in caplog.text
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_complete_copy_is_used_even_when_the_artifacts_are_missing(
    at: Make, tracking_uri: str, bundle: Path, name: str
) -> None:
    from mlflow import MlflowClient

    registry = at(tracking_uri)
    version = registry.register(bundle)
    folder = registry.fetch(version)
    source = MlflowClient(tracking_uri, tracking_uri).get_model_version(name, version).source
    shutil.rmtree(source.removeprefix("file://"))
    assert registry.fetch(version) == folder
    (folder / RANKER).unlink()
    assert registry.fetch(version) == folder  # neither is whole any more: what is left is served, and its loader refuses it
    with pytest.raises(BundleCorrupt, match=RANKER):
        open_bundle(folder, SCHEMA)


def test_a_cache_that_cannot_be_written_is_named(tracking_uri: str, bundle: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    registry = MlflowRegistry(tracking_uri, tmp_path / "artifacts", name, tmp_path / "cache")
    version = registry.register(bundle)
    with pytest.raises(StorageFull, match="release cache"):
        registry.fetch(version)


def test_damaged_notes_do_not_stop_a_fetch(at: Make, tracking_uri: str, bundle: Path, tmp_path: Path) -> None:
    registry = at(tracking_uri)
    version = registry.register(bundle)
    registry.fetch(version)
    (tmp_path / "cache" / "aliases.json").write_text("{half")
    folder = registry.fetch(version)
    assert json.loads((tmp_path / "cache" / "aliases.json").read_text()) == {version: folder.name}


def test_aliases_are_mirrored_as_the_tag_stage(at: Make, tracking_uri: str, bundle: Path, name: str) -> None:
    from mlflow import MlflowClient

    registry, client = at(tracking_uri), MlflowClient(tracking_uri, tracking_uri)
    first, second = registry.register(bundle), registry.register(bundle)

    def stage(version: str) -> str | None:
        return client.get_model_version(name, version).tags.get("stage")

    registry.point("production", first)
    assert stage(first) == "Production"
    registry.point("previous", first)
    assert stage(first) == "Production"
    registry.point("production", second)
    assert (stage(first), stage(second)) == ("Archived", "Production")
    registry.point("previous", second)
    assert (stage(first), stage(second)) == ("Archived", "Production")


def test_a_release_belongs_to_the_run_that_trained_it(at: Make, tracking_uri: str, bundle: Path, name: str) -> None:
    from mlflow import MlflowClient

    release = open_bundle(bundle, SCHEMA).release
    tracker = MlflowTracker(tracking_uri, bundle.parent / "artifacts")
    run_id = tracker.log(release, {"dim": 64}, {"ndcg@10": 0.125, "none": float("nan")}, [bundle, bundle / RANKER])
    version = at(tracking_uri).register(bundle)
    client = MlflowClient(tracking_uri, tracking_uri)
    registered = client.get_model_version(name, version)
    assert registered.run_id == run_id
    assert registered.tags["release"] == release
    assert registered.tags["feature_schema"] == SCHEMA.digest
    assert registered.tags["data.interactions"] == "3"
    run = client.get_run(run_id)
    assert run.data.metrics == {"ndcg_at_10": 0.125}
    assert run.data.params == {"dim": "64"}
    assert run.info.status == "FINISHED"
    assert {file.path for file in client.list_artifacts(run_id)} == {"bundle", RANKER}


def test_a_curve_is_a_metrics_history_and_the_note_the_runs_description(tracking_uri: str, tmp_path: Path, name: str) -> None:
    from mlflow import MlflowClient

    tracker, client = MlflowTracker(tracking_uri, tmp_path / "artifacts"), MlflowClient(tracking_uri, tracking_uri)
    first = tracker.log(name, {}, {}, [], {"learning/ndcg@10": [(1, 0.25), (2, 0.5)]}, "as built")
    latest = tracker.log(name, {}, {}, [])
    assert [(one.step, one.value) for one in client.get_metric_history(first, "learning/ndcg_at_10")] == [(1, 0.25), (2, 0.5)]
    tracker.attach(name, [], {"gate": "passed"})
    assert client.get_run(first).data.tags["mlflow.note.content"] == "as built"
    assert "gate" not in client.get_run(first).data.tags
    assert client.get_run(latest).data.tags["gate"] == "passed"


def test_the_tables_say_what_mlflow_says(at: Make, tracking_uri: str, bundle: Path, name: str) -> None:
    from mlflow import MlflowClient

    mlflow = MlflowConnection(tracking_uri, bundle.parent / "artifacts")
    tables, client = TableVersions(mlflow, name), ServerVersions(mlflow, name)
    assert tables.aliases() == client.aliases() == {}
    registry = at(tracking_uri)
    first, second, third = (registry.register(bundle) for _ in range(3))
    registry.point("previous", first)
    registry.point("production", second)
    registry.tag(second, "refused", "it is damaged")
    MlflowClient(tracking_uri, tracking_uri).delete_model_version(name, third)
    assert tables.aliases() == client.aliases() == {"previous": first, "production": second}
    assert tables.all() == client.all()
    assert [one.version for one in tables.all()] == [first, second]
    for asked in ("previous", "production", first, second, third, "canary", "99"):
        assert tables.find(asked) == client.find(asked)
    assert tables.find("production").tags["refused"] == "it is damaged"  # type: ignore[union-attr]


def test_who_reads_a_database_does_not_import_mlflow(
    at: Make, tracking_uri: str, bundle: Path, tmp_path: Path, name: str
) -> None:
    registry = at(tracking_uri)
    registry.point("production", registry.register(bundle))
    code = f"""
import sys
from pathlib import Path
from lifecycle.adapters.mlflow import MlflowRegistry
registry = MlflowRegistry({tracking_uri!r}, Path({str(tmp_path / "artifacts")!r}), {name!r}, Path({str(tmp_path / "other")!r}))
print(registry.fetch("production").name, registry.aliases(), len(registry.versions()), "mlflow" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith("{'production': '1'} 1 False")


def test_an_unknown_model_is_not_found(at: Make, tracking_uri: str) -> None:
    with pytest.raises(NotFound, match="marquee release build"):
        at(tracking_uri).fetch("1")


def test_postgresql_gets_the_installed_driver_and_a_limit() -> None:
    assert _address("postgresql://u:p@db/mlflow") == "postgresql+psycopg2://u:p@db/mlflow?connect_timeout=5"
    assert _address("postgresql+psycopg2://db/x?connect_timeout=1") == "postgresql+psycopg2://db/x?connect_timeout=1"
    assert _address("sqlite:///m.db") == "sqlite:///m.db"
    assert _address("http://mlflow:5000") == "http://mlflow:5000"
