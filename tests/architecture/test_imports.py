"""What each process has in memory: no library that it does not need all the time (decision 42)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TRAINING = ("torch", "lightning", "lightgbm", "onnx", "sklearn", "optuna", "implicit", "matplotlib", "statsmodels")
OF_TIMES = (*TRAINING, "mlflow", "evidently", "scipy.stats")
DATA = ("numpy", "polars", "pandas", "pyarrow", "scipy", "onnxruntime")
SERVICES = ("feast", "pymilvus", "deltalake", "sqlalchemy", "redis", "grpc", "fastapi", "mlflow")
ADAPTERS = "lake.adapters.delta, lifecycle.adapters.mlflow, streaming.adapters.embedded"
STORES = "feature_repo.adapters.feast_store, retrieval.adapters.milvus"
# process -> what it imports until it runs and while it does, and what it must not have then
PROCESSES = {
    "supervisor": ("app.cli, app.commands.up", (*OF_TIMES, *DATA, *SERVICES)),
    "api": (f"app.cli, app.commands.operate, app.usecases.run, app.hosting, serving.factory, {ADAPTERS}, {STORES}", OF_TIMES),
    "consumer": (f"app.cli, app.commands.operate, app.usecases.run, app.usecases.consuming, {ADAPTERS}, {STORES}", OF_TIMES),
    "watchdog": (
        "app.cli, app.commands.operate, app.usecases.run, app.usecases.rolling_out, app.usecases.noticing, "
        f"monitoring.watchdog, monitoring.adapters.apart, monitoring.adapters.evidently, {ADAPTERS}",
        (*OF_TIMES, "feast", "pymilvus", "pandas", "fastapi"),
    ),
}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_imports_nothing_heavy_that_it_does_not_need(process: str) -> None:
    imported, forbidden = PROCESSES[process]
    code = f"import json, sys, {imported}; print(json.dumps([one for one in {forbidden} if sys.modules.get(one)]))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(said.splitlines()[-1]) == []
