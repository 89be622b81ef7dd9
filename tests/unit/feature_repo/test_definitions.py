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
from core.features import USER_SCHEMA
from feature_repo.adapters.codec import SNAPSHOT_SCHEMA
from feature_repo.adapters.feast_store import FeastConfig, repo_config
from feature_repo.definitions import SCHEMA, profile_view, snapshot_source

FOLDER = Path(feature_repo.__file__).parent
FEAST_NAMES = {"int64": "Int64", "float64": "Float64", "float32": "Float32", "string": "String"}
ARROW_NAMES = {"int64": "int64", "float64": "double", "float32": "float", "string": "string"}


def test_the_feature_view_has_the_user_schema() -> None:
    expected = []
    for feature in USER_SCHEMA:
        name, kind = feature.split(":")
        scalar = FEAST_NAMES[kind.removesuffix("[]")]
        expected.append((name, f"Array({scalar})" if kind.endswith("[]") else scalar))
    packed = ("consumed", "Array(Int64)")
    assert [(f.name, str(f.dtype)) for f in SCHEMA] == [(n, "Bytes" if (n, t) == packed else t) for n, t in expected]


def test_the_snapshot_has_the_user_schema() -> None:
    for feature in USER_SCHEMA:
        name, kind = feature.split(":")
        scalar = ARROW_NAMES[kind.removesuffix("[]")]
        expected = f"list<element: {scalar}>" if kind.endswith("[]") else scalar
        found = str(SNAPSHOT_SCHEMA.field(name).type).replace("item:", "element:")
        assert found == ("binary" if name == "consumed" else expected), name


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
    code = repo_config(FeastConfig(FOLDER.parent / "var" / "features"))
    assert plain(yaml, FOLDER) == plain(code, FOLDER)


def test_feast_imports_the_definitions_alone() -> None:
    assert [path.name for path in get_repo_files(FOLDER)] == ["definitions.py"]


@pytest.mark.slow
def test_the_feast_command_line_registers_what_marquee_reads(tmp_path: Path) -> None:
    repository = tmp_path / "feature_repo"
    repository.mkdir()
    for name in ("feature_store.yaml", "definitions.py"):
        shutil.copy(FOLDER / name, repository)
    (tmp_path / "var" / "features").mkdir(parents=True)
    command = [sys.executable, "-c", "from feast.cli.cli import cli; cli()", "-c", str(repository), "apply"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "user_profile" in done.stdout
    assert (tmp_path / "var" / "features" / "online.db").exists()
    assert (tmp_path / "var" / "features" / "registry.db").exists()


@pytest.mark.parametrize("url", ["postgresql://u:p@db/marquee", "postgresql+psycopg2://u:p@db/marquee"])
def test_a_postgres_registry_uses_the_driver_that_marquee_installs(url: str, tmp_path: Path) -> None:
    registry = repo_config(FeastConfig(tmp_path, registry_url=url)).registry
    assert registry.registry_type == "sql"
    assert registry.path == "postgresql+psycopg2://u:p@db/marquee"


def test_the_view_reads_the_source_it_is_given() -> None:
    assert profile_view(snapshot_source("/elsewhere/x.parquet")).batch_source.path == "/elsewhere/x.parquet"
