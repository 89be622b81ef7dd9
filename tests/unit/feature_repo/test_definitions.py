"""The Feast definitions say what core.features says, and the YAML says what the code says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from feast.repo_config import RepoConfig, load_repo_config
from feast.repo_operations import get_repo_files

import feature_repo
from core.features import USER_SCHEMA, UserFeatures
from feature_repo.adapters.codec import CREATED, EVENT_TIME, records, snapshot
from feature_repo.adapters.feast_store import FeastConfig, repo_config
from feature_repo.definitions import COLUMNS, RECORD, parquet, profile_view, pushed, snapshot_view
from feature_repo.table import to_frame

FOLDER = Path(feature_repo.__file__).parent
FEAST_NAMES = {"int64": "Int64", "float64": "Float64", "float32": "Float32", "string": "String"}
ARROW_NAMES = {"int64": "int64", "float64": "double", "float32": "float", "string": "large_string"}


def expected_columns(names: dict[str, str], array: str) -> list[tuple[str, str]]:
    """The user schema in another vocabulary."""
    columns = []
    for feature in USER_SCHEMA:
        name, kind = feature.split(":")
        scalar = names[kind.removesuffix("[]")]
        columns.append((name, array.format(scalar) if kind.endswith("[]") else scalar))
    return columns


def test_the_snapshot_view_has_the_user_schema() -> None:
    assert [(f.name, str(f.dtype)) for f in COLUMNS] == expected_columns(FEAST_NAMES, "Array({})")


def test_the_tables_have_what_their_views_read() -> None:
    rows = snapshot(to_frame([UserFeatures(1)]), created=1.0)
    found = {name: str(rows.schema.field(name).type).replace("item:", "element:") for name in rows.column_names}
    moments = {EVENT_TIME: "timestamp[us, tz=UTC]", CREATED: "timestamp[us, tz=UTC]"}
    assert found == {"user_id": "int64"} | dict(expected_columns(ARROW_NAMES, "large_list<element: {}>")) | moments
    assert records([UserFeatures(1)], created=1.0).column_names == ["user_id", *(f.name for f in RECORD), EVENT_TIME, CREATED]


def plain(config: RepoConfig, folder: Path) -> dict[str, object]:
    """What a configuration means, with paths resolved."""

    def resolved(path: str) -> Path:
        return (folder / path).resolve()

    registry, online = config.registry.model_dump(), config.online_store.model_dump()
    return {
        "registry": registry | {"path": resolved(registry["path"])},
        "online": online | {"path": resolved(online["path"])},
        "materialization": config.materialization_config.model_dump(),
        "rest": (config.project, config.provider, config.offline_store.type, config.entity_key_serialization_version),
    }


def test_the_yaml_and_the_code_agree_on_the_local_profile() -> None:
    yaml = load_repo_config(FOLDER, FOLDER / "feature_store.yaml")
    code = repo_config(FeastConfig(FOLDER.parent / "var" / "feast"))
    assert plain(yaml, FOLDER) == plain(code, FOLDER)


def test_feast_imports_the_definitions_alone() -> None:
    assert [path.name for path in get_repo_files(FOLDER)] == ["definitions.py"]


@pytest.mark.slow
def test_the_feast_command_line_registers_what_marquee_reads(tmp_path: Path) -> None:
    repository = tmp_path / "feature_repo"
    repository.mkdir()
    for name in ("feature_store.yaml", "definitions.py"):
        shutil.copy(FOLDER / name, repository)
    (tmp_path / "var" / "feast").mkdir(parents=True)
    command = [sys.executable, "-c", "from feast.cli.cli import cli; cli()", "-c", str(repository), "apply"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "user_profile" in done.stdout
    assert "user_snapshot" in done.stdout
    assert (tmp_path / "var" / "feast" / "online.db").exists()
    assert (tmp_path / "var" / "feast" / "registry.db").exists()


@pytest.mark.parametrize("url", ["postgresql://u:p@db/marquee", "postgresql+psycopg2://u:p@db/marquee"])
def test_a_postgres_registry_uses_the_driver_that_marquee_installs(url: str, tmp_path: Path) -> None:
    registry = repo_config(FeastConfig(tmp_path, registry_url=url)).registry
    assert registry.registry_type == "sql"
    assert registry.path == "postgresql+psycopg2://u:p@db/marquee"


def test_the_views_read_the_sources_they_are_given() -> None:
    source = parquet("elsewhere", "/elsewhere/x.parquet")
    assert profile_view(pushed(source)).batch_source.path == "/elsewhere/x.parquet"
    assert snapshot_view(source).batch_source.path == "/elsewhere/x.parquet"
