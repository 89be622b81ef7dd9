"""A comparison in a process of its own."""

from __future__ import annotations

import os

import numpy as np
import pytest

from core.errors import DependencyUnavailable
from core.ports import DriftReport
from monitoring.adapters.apart import ApartDrift
from monitoring.adapters.evidently import EvidentlyDrift
from monitoring.adapters.memory import WassersteinDrift
from monitoring.samples import Samples

SOME = {"a": np.arange(50.0)}
OTHER = {"a": np.arange(50.0) + 30}


class Pid:
    """Its distance is the id of the process that compares."""

    def compare(self, reference: Samples, current: Samples) -> DriftReport:
        return DriftReport({"a": os.getpid()}, {"a": False})


class Killed:
    """The system may kill what uses too much memory."""

    def compare(self, reference: Samples, current: Samples) -> DriftReport:
        os.abort()


def test_evidently_answers_from_there() -> None:
    report = ApartDrift(EvidentlyDrift()).compare(SOME, OTHER)
    assert report.distances == pytest.approx(WassersteinDrift().compare(SOME, OTHER).distances, rel=1e-6)
    assert "<html" in report.html


def test_only_other_samples_are_compared_again() -> None:
    detector = ApartDrift(Pid())
    first = detector.compare(SOME, OTHER).distances
    assert first["a"] != os.getpid()
    assert detector.compare(SOME, {"a": OTHER["a"].copy()}).distances == first
    assert detector.compare(SOME, SOME).distances != first


def test_a_process_that_dies_is_an_answer_that_is_missing() -> None:
    with pytest.raises(DependencyUnavailable, match="ended with exit code -6"):
        ApartDrift(Killed()).compare(SOME, OTHER)
