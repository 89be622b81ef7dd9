"""The tracker on MLflow: a run has parameters, metrics, curves that MLflow draws by itself, files, and a text in Markdown."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import NotFound
from core.ports import Curves
from lifecycle.adapters.mlflow_sdk import MlflowConnection, metric_name, translated

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTE = "mlflow.note.content"  # the tag that MLflow's page of a run shows as its description
# MLflow's own limits of a call
_PARAMS_PER_BATCH = 100
_METRICS_PER_BATCH = 1_000


class MlflowTracker:
    """Runs in the experiment `marquee`. `@` in a metric's name becomes `_at_`; what is not a number is left out."""

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        self._mlflow = MlflowConnection(tracking_uri, artifact_root)

    def log(
        self,
        run: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        artifacts: Sequence[Path],
        curves: Curves | None = None,
        note: str = "",
    ) -> str:
        """See `Tracker`. Raises DependencyUnavailable."""
        client, experiment = self._mlflow.client(), self._mlflow.experiment()
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1e3)
        points = chain(
            ((name, 0, value) for name, value in metrics.items()),
            ((name, step, value) for name, curve in (curves or {}).items() for step, value in curve),
        )
        measured = iter([Metric(metric_name(name), value, now, step) for name, step, value in points if not math.isnan(value)])
        settings = iter([Param(name, str(value)) for name, value in params.items()])
        with translated("log the run"):
            run_id = str(client.create_run(experiment, run_name=run).info.run_id)
            while some := list(islice(measured, _METRICS_PER_BATCH)):
                client.log_batch(run_id, metrics=some)
            while batch := list(islice(settings, _PARAMS_PER_BATCH)):
                client.log_batch(run_id, params=batch)
            if note:
                client.log_batch(run_id, tags=[RunTag(NOTE, note)])
            _upload(client, run_id, artifacts)
            client.set_terminated(run_id)
        return run_id

    def attach(self, run: str, artifacts: Sequence[Path], tags: Mapping[str, str], note: str = "") -> None:
        """See `Tracker`. Raises DependencyUnavailable."""
        client, experiment = self._mlflow.client(), self._mlflow.experiment()
        with translated("add to a run"):
            found = client.search_runs([experiment], f"attributes.run_name = '{run}'", max_results=1)
            if not found:
                raise NotFound(f"there is no run {run!r} in MLflow")
            run_id = found[0].info.run_id
            for name, value in {**tags, **({NOTE: note} if note else {})}.items():
                client.set_tag(run_id, name, value)
            _upload(client, run_id, artifacts)


def _upload(client: MlflowClient, run_id: str, artifacts: Sequence[Path]) -> None:
    for artifact in artifacts:
        if artifact.is_dir():
            client.log_artifacts(run_id, str(artifact), artifact.name)
        else:
            client.log_artifact(run_id, str(artifact))
