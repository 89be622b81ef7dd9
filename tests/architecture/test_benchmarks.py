"""The page of figures is made from the result files, and each result says how it came to be."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


def test_the_page_agrees_with_the_results() -> None:
    spec = importlib.util.spec_from_file_location("record", ROOT / "benchmarks" / "record.py")
    assert spec is not None
    assert spec.loader is not None
    record = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(record)
    assert record.PAGE.read_text() == record.page()


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_names_its_command_commit_data_and_machine(path: Path) -> None:
    run = json.loads(path.read_text())
    assert run["name"] == path.stem
    assert all(run[key] for key in ("command", "commit", "data_hash", "machine", "metrics"))
