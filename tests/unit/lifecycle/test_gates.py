"""The gate: each check alone decides, and a metric that is missing never passes."""

from __future__ import annotations

import pytest

from core.bundle import FILES, RANKER, Manifest
from lifecycle.gates import GateConfig, check_gate

GOOD = {"ndcg@10": 0.10, "popularity_ndcg@10": 0.06, "lift_low": 0.02, "lift_high": 0.06, "coverage@10": 0.2}
CONFIG = GateConfig(tolerance=0.05, min_coverage=0.1)


def manifest(metrics: dict[str, float], data: int = 3, files: tuple[str, ...] = FILES) -> Manifest:
    return Manifest(
        release="candidate", created="", code_version="", data_version={"interactions": data}, trained_until=0.0,
        feature_schema="", dim=4, n_items=5, metrics=metrics, config={}, files=dict.fromkeys(files, "digest"),
    )  # fmt: skip


def test_a_good_first_release_passes_every_check() -> None:
    verdict = check_gate(manifest(GOOD), None, CONFIG)
    assert verdict.passed
    assert verdict.failed == ()
    assert len(verdict.lines()) == len(verdict.checks) == 4
    assert all(line.startswith("pass") for line in verdict.lines())


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"ndcg@10": 0.06}, "it beats popularity"),
        ({"lift_low": 0.0}, "it beats popularity"),
        ({"lift_low": -0.001}, "it beats popularity"),
        ({"lift_low": float("nan")}, "it beats popularity"),
        ({"coverage@10": 0.0999}, "it shows enough of the catalogue"),
        ({"coverage@10": float("nan")}, "it shows enough of the catalogue"),
    ],
    ids=str,
)
def test_one_bad_figure_fails_one_check(change: dict[str, float], failed: str) -> None:
    verdict = check_gate(manifest(GOOD | change), None, CONFIG)
    assert not verdict.passed
    assert [check.name for check in verdict.failed] == [failed]


@pytest.mark.parametrize("missing", ["ndcg@10", "popularity_ndcg@10", "lift_low", "coverage@10"])
def test_a_missing_metric_fails(missing: str) -> None:
    assert not check_gate(manifest({name: value for name, value in GOOD.items() if name != missing}), None, CONFIG).passed


def test_an_incomplete_bundle_fails_and_names_the_file() -> None:
    verdict = check_gate(manifest(GOOD, files=tuple(name for name in FILES if name != RANKER)), None, CONFIG)
    assert [check.name for check in verdict.failed] == ["the bundle is complete"]
    assert RANKER in verdict.failed[0].detail


@pytest.mark.parametrize(("ndcg", "passed"), [(0.0951, True), (0.0949, False), (0.2, True)])
def test_on_the_same_data_it_may_lose_the_tolerance_and_no_more(ndcg: float, passed: bool) -> None:
    production = manifest({"ndcg@10": 0.1})
    assert check_gate(manifest(GOOD | {"ndcg@10": ndcg}), production, CONFIG).passed is passed


def test_on_other_data_figures_are_not_compared() -> None:
    verdict = check_gate(manifest(GOOD, data=4), manifest({"ndcg@10": 0.9}, data=3), CONFIG)
    assert verdict.passed
    assert any("not compared" in line for line in verdict.lines())


def test_a_production_release_without_the_figure_does_not_block_its_successor() -> None:
    assert check_gate(manifest(GOOD), manifest({}), CONFIG).passed
