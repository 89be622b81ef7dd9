"""Tuning studies in MLflow: one run per study, and a nested run for each of its trials."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.adapters.mlflow_sdk import MlflowConnection, translated
from retrieval.tuning import METRIC, TrialRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient

_STUDY, _TRIAL, _OUTCOME = "study", "trial", "outcome"  # tags
_PARENT = "mlflow.parentRunId"  # what makes a run nested in MLflow's pages
_METRIC = METRIC.replace("@", "_at_")  # MLflow allows no `@`
_PAGE = 1000


class MlflowTuningLog:
    """Writes what MLflow does not have yet, so the same trials may be recorded again after a resumption or an outage."""

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        self._mlflow = MlflowConnection(tracking_uri, artifact_root)
        self._known: dict[str, set[int]] = {}  # study's run -> trials that are logged

    def record(self, study: str, params: Mapping[str, object], trials: Iterable[TrialRecord]) -> str:
        """Log these trials of the study; returns the id of its run. Raises DependencyUnavailable."""
        client, experiment = self._mlflow.client(), self._mlflow.experiment()
        with translated("log the trials"):
            parent = self._study(client, experiment, study, params)
            if parent not in self._known:
                self._known[parent] = self._logged(client, experiment, parent)
            known = self._known[parent]
            for trial in trials:
                if trial.number not in known:
                    _log(client, experiment, parent, trial)
                    known.add(trial.number)
        return parent

    def conclude(self, parent: str, best: TrialRecord, artifacts: Iterable[Path]) -> None:
        """Show the best trial and its files in the study's own run."""
        client = self._mlflow.client()
        with translated("conclude the study"):
            client.set_tag(parent, "best_trial", str(best.number))
            client.log_metric(parent, _METRIC, best.score or 0.0)
            for artifact in artifacts:
                client.log_artifact(parent, str(artifact))
            client.set_terminated(parent)

    def _study(self, client: MlflowClient, experiment: str, study: str, params: Mapping[str, object]) -> str:
        """The run of the study, which is made if it is not there."""
        from mlflow.entities import Param

        found = client.search_runs([experiment], f"tags.{_STUDY} = '{study}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        run = client.create_run(experiment, run_name=f"tune {study}", tags={_STUDY: study})
        client.log_batch(run.info.run_id, params=[Param(name, str(value)) for name, value in params.items()])
        return str(run.info.run_id)

    def _logged(self, client: MlflowClient, experiment: str, parent: str) -> set[int]:
        """The trials that MLflow has. Runs that are not terminated were interrupted, and are logged again."""
        wanted = f"tags.`{_PARENT}` = '{parent}' and attributes.status = 'FINISHED'"
        return {int(run.data.tags[_TRIAL]) for run in client.search_runs([experiment], wanted, max_results=_PAGE)}


def _log(client: MlflowClient, experiment: str, parent: str, trial: TrialRecord) -> None:
    from mlflow.entities import Metric, Param

    tags = {_PARENT: parent, _TRIAL: str(trial.number), _OUTCOME: trial.outcome, "note": trial.note}
    run = client.create_run(experiment, run_name=f"trial {trial.number}", tags=tags)
    now = int(time.time() * 1e3)
    curve = [Metric(f"{_METRIC}_by_epoch", value, now, epoch) for epoch, value in trial.curve.items()]
    score = [Metric(_METRIC, trial.score, now, 0)] if trial.score is not None else []
    params = [Param(name, str(value)) for name, value in trial.values.items()]
    client.log_batch(run.info.run_id, metrics=curve + score, params=params)
    client.set_terminated(run.info.run_id)
