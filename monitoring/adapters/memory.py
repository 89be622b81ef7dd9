"""The lightweight drift detector: numpy only, a few milliseconds per check, and a plain table as its report."""

from __future__ import annotations

import html

import numpy as np
from numpy.typing import NDArray

from core.ports import DriftReport
from monitoring.samples import THRESHOLD, Samples, check_samples

MIN_DEVIATION = 1e-3  # of a constant reference


def normed_wasserstein(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """How far mass has to move to turn one sample [n] into the other [m], in standard deviations of the reference.

    In one dimension that is the area between the two distribution functions (Vallender 1974). Unlike a p-value it does
    not grow with the number of rows, and unlike PSI it has no bins and stays finite where the reference has no mass.
    """
    points = np.sort(np.concatenate((reference, current)))
    below_reference = np.searchsorted(np.sort(reference), points[:-1], side="right") / len(reference)
    below_current = np.searchsorted(np.sort(current), points[:-1], side="right") / len(current)
    area = np.abs(below_reference - below_current) @ np.diff(points)
    return float(area / max(float(np.std(reference)), MIN_DEVIATION))


class WassersteinDrift:
    """A column drifts when its normed Wasserstein distance reaches `threshold`."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self._threshold = threshold

    def compare(self, reference: Samples, current: Samples) -> DriftReport:
        """Distances per column. Raises InvalidInput, see `check_samples`."""
        check_samples(reference, current)
        distances = {name: normed_wasserstein(values, current[name]) for name, values in reference.items()}
        drifted = {name: distance >= self._threshold for name, distance in distances.items()}
        return DriftReport(distances, drifted, self._page(distances))

    def _page(self, distances: dict[str, float]) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}<td>{distance:.3f}<td>{'drifted' if distance >= self._threshold else ''}"
            for name, distance in sorted(distances.items(), key=lambda pair: -pair[1])
        )
        head = f"<tr><th>feature<th>distance (drift from {self._threshold})<th>"
        return f"<!doctype html><title>Drift</title><h1>Drift</h1><table>{head}{rows}</table>"
