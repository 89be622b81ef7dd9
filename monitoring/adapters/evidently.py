"""Drift detection with Evidently: the same distance as the lightweight detector, and a readable report of the distributions."""

from __future__ import annotations

import functools
import warnings
from types import SimpleNamespace

from core.ports import DriftReport
from evaluation.watched import as_frame
from monitoring.samples import THRESHOLD, Samples, check_samples

METHOD = "wasserstein"  # normed by the reference's standard deviation; see monitoring.adapters.memory for why


class EvidentlyDrift:
    """A column drifts when its normed Wasserstein distance reaches `threshold`."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self._threshold = threshold

    def compare(self, reference: Samples, current: Samples) -> DriftReport:
        """Distances per column, and Evidently's page. Raises InvalidInput, see `check_samples`."""
        check_samples(reference, current)
        sdk, columns = _evidently(), list(reference)
        report = sdk.Report([sdk.ValueDrift(column=name, method=METHOD, threshold=self._threshold) for name in columns])
        snapshot = report.run(_dataset(current, columns), _dataset(reference, columns))
        found = {metric["config"]["column"]: float(metric["value"]) for metric in snapshot.dict()["metrics"]}
        distances = {name: found[name] for name in columns}
        drifted = {name: distance >= self._threshold for name, distance in distances.items()}
        return DriftReport(distances, drifted, snapshot.get_html_str(as_iframe=False))


def _dataset(samples: Samples, columns: list[str]) -> object:
    """Columns of unequal length as one frame; Evidently drops the missing values that fill the shorter ones."""
    sdk = _evidently()
    frame = as_frame({name: samples[name] for name in columns}).to_pandas()
    return sdk.Dataset.from_pandas(frame, data_definition=sdk.DataDefinition(numerical_columns=columns))


@functools.cache
def _evidently() -> SimpleNamespace:
    """The SDK, imported at the first comparison: the import takes four seconds and raises deprecation warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift
    return SimpleNamespace(DataDefinition=DataDefinition, Dataset=Dataset, Report=Report, ValueDrift=ValueDrift)
