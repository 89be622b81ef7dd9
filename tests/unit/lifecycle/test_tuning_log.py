"""Trials are logged once, nested in their study's run, however often MLflow is told of them."""

import socket
from pathlib import Path

import pytest
from mlflow import MlflowClient

from core.errors import DependencyUnavailable
from lifecycle.adapters.mlflow_sdk import EXPERIMENT
from lifecycle.adapters.tuning_log import MlflowTuningLog
from retrieval.tuning import TrialRecord

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
COMPLETE = TrialRecord(0, "complete", {"dropout": 0.1, "block": "ligr"}, {1: 0.01, 2: 0.03}, 0.03, "")
GIVEN_UP = TrialRecord(2, "given up", {"dropout": 0.5, "block": "hstu"}, {1: 0.001}, None, "behind after epoch 1")


def test_a_study_is_one_run_with_a_nested_run_for_each_trial(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    log = MlflowTuningLog(uri, tmp_path / "artifacts")
    parent = log.record("demo", {"epochs": 12}, [COMPLETE])
    assert log.record("demo", {"epochs": 12}, [COMPLETE, GIVEN_UP]) == parent
    resumed = MlflowTuningLog(uri, tmp_path / "artifacts")
    assert resumed.record("demo", {"epochs": 12}, [COMPLETE, GIVEN_UP]) == parent
    config = tmp_path / "best.toml"
    config.write_text("dropout = 0.1\n")
    resumed.conclude(parent, COMPLETE, [config])

    client = MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert len(found) == 3
    study = client.get_run(parent)
    assert study.data.params == {"epochs": "12"}
    assert study.data.metrics == {"ndcg_at_10": 0.03}
    assert study.data.tags["best_trial"] == "0"
    assert [artifact.path for artifact in client.list_artifacts(parent)] == ["best.toml"]
    by_trial = {run.data.tags["trial"]: run for run in found if "trial" in run.data.tags}
    assert {run.data.tags["mlflow.parentRunId"] for run in by_trial.values()} == {parent}
    assert by_trial["0"].data.params == {"dropout": "0.1", "block": "ligr"}
    assert by_trial["0"].data.metrics == {"ndcg_at_10": 0.03, "ndcg_at_10_by_epoch": 0.03}
    assert len(client.get_metric_history(by_trial["0"].info.run_id, "ndcg_at_10_by_epoch")) == 2
    assert by_trial["2"].data.tags["outcome"] == "given up"
    assert "ndcg_at_10" not in by_trial["2"].data.metrics


def test_an_unreachable_mlflow_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    log = MlflowTuningLog(f"http://127.0.0.1:{port}", tmp_path)
    with pytest.raises(DependencyUnavailable, match="mlflow"):
        log.record("demo", {}, [COMPLETE])
