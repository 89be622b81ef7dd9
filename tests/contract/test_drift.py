"""The contract of DriftDetector, run on the light detector and on Evidently."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import InvalidInput
from core.ports import DriftDetector
from monitoring.adapters.apart import ApartDrift
from monitoring.adapters.evidently import EvidentlyDrift
from monitoring.adapters.memory import WassersteinDrift
from monitoring.samples import MIN_ROWS, THRESHOLD

Sample = dict[str, NDArray[np.float64]]


@pytest.fixture(
    params=[WassersteinDrift, EvidentlyDrift, lambda: ApartDrift(WassersteinDrift())], ids=["light", "evidently", "apart"]
)
def detector(request: pytest.FixtureRequest) -> DriftDetector:
    built: DriftDetector = request.param()
    return built


def normal(rows: int, mean: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(mean, 1.0, rows)


def test_the_same_sample_has_no_distance(detector: DriftDetector) -> None:
    sample = {"a": normal(500), "b": normal(500, seed=1)}
    report = detector.compare(sample, sample)
    assert dict(report.distances) == {"a": 0.0, "b": 0.0}
    assert not any(report.drifted.values())
    assert report.share == 0.0


def test_two_samples_of_one_distribution_do_not_drift(detector: DriftDetector) -> None:
    report = detector.compare({"a": normal(2000)}, {"a": normal(500, seed=1)})
    assert 0.0 < report.distances["a"] < THRESHOLD
    assert not report.drifted["a"]


def test_a_shift_is_measured_in_standard_deviations_and_only_the_shifted_column_drifts(detector: DriftDetector) -> None:
    reference = {"shifted": 10 * normal(2000), "steady": normal(2000, seed=1)}
    current = {"shifted": reference["shifted"] + 20.0, "steady": reference["steady"]}
    report = detector.compare(reference, current)
    assert report.distances["shifted"] == pytest.approx(20.0 / float(np.std(reference["shifted"])))
    assert dict(report.drifted) == {"shifted": True, "steady": False}
    assert report.share == 0.5


def test_a_hand_computed_distance(detector: DriftDetector) -> None:
    reference = np.repeat([0.0, 2.0], 5)  # deviation 1
    current = np.repeat([0.0, 4.0], 10)  # half of the mass moved from 2 to 4
    assert detector.compare({"a": reference}, {"a": current}).distances["a"] == pytest.approx(1.0)


def test_a_wider_spread_with_the_same_mean_is_drift(detector: DriftDetector) -> None:
    assert detector.compare({"a": normal(2000)}, {"a": 3 * normal(2000, seed=1)}).drifted["a"]


def test_a_constant_column(detector: DriftDetector) -> None:
    constant = np.full(100, 3.0)
    assert detector.compare({"a": constant}, {"a": constant}).distances["a"] == 0.0
    assert detector.compare({"a": constant}, {"a": constant + 1}).drifted["a"]


def test_columns_may_differ_in_length(detector: DriftDetector) -> None:
    reference = {"long": normal(900), "short": normal(50, seed=1)}
    current = {"long": normal(40, seed=2), "short": reference["short"]}
    report = detector.compare(reference, current)
    assert report.distances["short"] == 0.0
    assert report.distances["long"] > 0.0


def test_the_report_is_a_page_that_names_every_column(detector: DriftDetector) -> None:
    page = detector.compare({"genre:Film-Noir": normal(100)}, {"genre:Film-Noir": normal(100)}).html
    assert "<html" in page.lower() or "<!doctype html" in page.lower()
    assert "genre:Film-Noir" in page


@pytest.mark.parametrize(
    ("reference", "current", "message"),
    [
        ({"price": normal(50)}, {"price": np.append(normal(49), np.nan)}, "price is '1 NaN or infinite of 50 in the current"),
        ({"price": np.append(normal(49), np.inf)}, {"price": normal(50)}, "price is '1 NaN or infinite of 50 in the reference"),
        ({"price": normal(50)}, {"price": normal(MIN_ROWS - 1)}, f"price is '{MIN_ROWS - 1} rows in the current"),
        ({"price": normal(0)}, {"price": normal(50)}, "price is '0 rows in the reference"),
        ({"price": normal(50)}, {}, "price is 'missing in the current"),
        ({}, {"price": normal(50)}, "price is 'missing in the reference"),
    ],
    ids=["nan", "infinite", "few rows", "no rows", "missing", "unknown"],
)
def test_what_cannot_be_compared_is_refused_by_name(
    detector: DriftDetector, reference: Sample, current: Sample, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        detector.compare(reference, current)
    assert caught.value.field == "price"


def test_both_detectors_measure_the_same() -> None:
    rng = np.random.default_rng(3)
    reference = {"stars": rng.integers(1, 11, 800) / 2, "heavy": rng.pareto(1.5, 800), "flag": (rng.random(800) < 0.1) * 1.0}
    current = {"stars": rng.integers(3, 11, 300) / 2, "heavy": rng.pareto(1.2, 300), "flag": (rng.random(300) < 0.4) * 1.0}
    light, evidently = (built.compare(reference, current) for built in (WassersteinDrift(), EvidentlyDrift()))
    assert light.distances == pytest.approx(evidently.distances)
    assert light.drifted == evidently.drifted
