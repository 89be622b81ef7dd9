"""`marquee doctor` is quick, says what it looks at, and names what another installation has written over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.ops import doctor
from core.settings import Settings

HEAVY = ("torch", "mlflow", "lightning", "lightgbm", "evidently")


def test_it_imports_nothing_that_takes_seconds(tmp_path: Path) -> None:
    code = (
        f"import sys; from app.ops.doctor import examine; from core.settings import Settings; examine(Settings()); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    env = {**os.environ, "MARQUEE_HOME": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "no GPU" in done.stdout or "an NVIDIA GPU" in done.stdout
    assert done.stderr == "", "without a terminal there is no progress, only the table"


def test_another_distribution_in_its_folders_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"app": ["marquee"], "datasets": ["datasets", "marquee"], "core": ["marquee", "marquee"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: owners)
    found = doctor._packages(Settings())
    assert (found.ok, found.detail) == (False, "datasets of datasets, marquee")
    monkeypatch.setattr("importlib.metadata.packages_distributions", dict)
    assert doctor._packages(Settings()).ok


def test_a_missing_torch_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    found = doctor._torch(Settings())
    assert (found.ok, found.remedy) == (False, "pip install -c constraints.txt torch")
