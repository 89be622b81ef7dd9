"""The wheel alone, far from the repository: what travels in it, and that it runs from an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.version import VERSION
from marquee import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
CLIENT = "marquee_client"  # for programs of others; its name hides nobody's, and nobody's it
SOURCES = (*PACKAGES, CLIENT, "configs", "pyproject.toml", "setup.py", "marquee.py", "README.md", "LICENSE", "NOTICE")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    for name in SOURCES:  # a copy: building leaves folders behind
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", str(folder / "source"), "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--quiet", "--wheel-dir", str(folder)], check=True, capture_output=True, timeout=150)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    folder = wheel.parent / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """A Python that finds the wheel's files, in an empty folder."""

    def python(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
        env |= {"PYTHONPATH": str(installed), "COLUMNS": "200", **extra}
        command = [sys.executable, "-P", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=150, check=False)

    return python


def test_everything_that_is_read_travels(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    configs = {f"core/{path.relative_to(ROOT)}" for path in (ROOT / "configs").rglob("*.toml")}
    page = {str(path.relative_to(ROOT)) for path in (ROOT / "serving" / "ui").rglob("*") if path.is_file()}
    data = {str(path.relative_to(ROOT)) for path in (ROOT / "datasets" / "bundled").iterdir()}
    typed = {f"{name}/py.typed" for name in (*PACKAGES, CLIENT)}
    code = {str(path.relative_to(ROOT)) for name in (*PACKAGES, CLIENT) for path in (ROOT / name).rglob("*.py")}
    assert configs | page | data | typed | code | {"marquee.py"} <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {*PACKAGES, CLIENT, "marquee.py"}
    assert {name.split("licenses/")[1] for name in names if "licenses/" in name} == {
        *("LICENSE", "NOTICE", "datasets/bundled/LICENSE-ml-latest-small.txt")
    }


def test_it_says_its_version_and_helps(run: Run) -> None:
    said = run("-m", "marquee", "--version")
    assert said.stdout == f"marquee {VERSION}\n", said.stderr
    helped = run("-m", "marquee", "--help")
    assert helped.returncode == 0, helped.stderr
    assert "doctor" in helped.stdout


def test_it_has_its_configurations_its_films_and_its_page(run: Run, installed: Path) -> None:
    code = """
import json
from core.settings import CONFIGS, Settings
from datasets.movielens import BUNDLED
from recommender.experiment import Experiment
from recommender.policy import Policy
from retrieval.preset import Preset
from serving.pages import UI
Settings(profile="compose"), Policy.load("default"), Experiment.load("default"), Preset.named("auto"), Preset.named("demo")
print(json.dumps([str(CONFIGS), str(BUNDLED), str(UI), BUNDLED.is_file(), (UI / "index.html").is_file()]))
"""
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert str(ROOT) not in done.stdout
    assert done.stdout.count(str(installed)) == 3
    assert done.stdout.endswith("true, true]\n")


def test_it_loads_the_bundled_films_in_an_empty_folder(run: Run, tmp_path: Path) -> None:
    done = run("-m", "marquee", "data", "load", MARQUEE_HOME="home")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "home" / "lake" / "interactions").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


@pytest.mark.parametrize("name", ["app", "core"])
def test_a_foreign_package_that_hides_its_own_is_named(run: Run, installed: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "other" / name).mkdir(parents=True)
    (tmp_path / "other" / name / "__init__.py").write_text("")
    done = run("-m", "marquee", "--help", PYTHONPATH=f"{tmp_path / 'other'}{os.pathsep}{installed}")
    assert done.returncode == 1
    assert f"its package `{name}` is hidden by another of that name, {tmp_path / 'other' / name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_of_the_users_own_with_such_a_name_hides_nothing(run: Run, tmp_path: Path) -> None:
    """Marquee starts its processes with `-m`, which looks into the current folder first unless it is told not to."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise RuntimeError('the users own')")
    code = "import subprocess; from app.ops.own_module import own_module as o; subprocess.run(o('app', '--version'), check=True)"
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert f"marquee {VERSION}" in done.stdout


def test_whoever_installed_over_its_files_is_told(run: Run, installed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(installed, copy)
    (copy / "core" / "settings.py").write_text("# of another core\n")
    done = run("-m", "marquee", "--help", PYTHONPATH=str(copy))
    assert done.returncode == 1
    assert "Another package was installed over its files" in done.stderr
    assert "Traceback" not in done.stderr
