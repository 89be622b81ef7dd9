"""The MLflow client with time limits, without usage reporting, and with its failures translated.

MLflow is imported inside functions: the import takes two seconds, which only a process that uses it should pay, and
MLflow reads its configuration from the environment when it is imported, so the variables are set when this module is imported.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from core.errors import DependencyUnavailable, NotFound
from lifecycle.adapters.artifact_places import anchor

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "marquee"
REQUEST_SECONDS = 10  # one HTTP request; MLflow's own default is 120
CONNECT_SECONDS = 5  # to PostgreSQL
# An exported variable of the same name wins. Together they bound one call to about 25 s against MLflow's 15 minutes.
_SWITCHES = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(REQUEST_SECONDS),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "60",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
for _name, _value in _SWITCHES.items():
    os.environ.setdefault(_name, _value)
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # so that its page shows a table of runs, and not of prompts
_CONNECT_ATTEMPTS = 2  # MLflow tries ten times, which takes 100 s
_REASON_LENGTH = 200  # characters
_UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the second is its answer to an unknown alias


class MlflowConnection:
    """A client, made at the first call, and the experiment that everything is logged to.

    `tracking_uri` is sqlite:///..., postgresql://... or http://...; `artifact_root` is where artifacts go unless a
    server (http) decides that itself. The database of a home that was moved is brought up to date first. `uri` is the
    address with the driver that is installed.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        self.uri = _address(tracking_uri)
        self._artifact_root = artifact_root
        self._client: MlflowClient | None = None

    def client(self) -> MlflowClient:
        """The client. Raises DependencyUnavailable when the tracking store cannot be opened."""
        if self._client is None:
            self.anchor()
            with translated("open the tracking store"):
                self._client = self._connect()
        return self._client

    def anchor(self) -> None:
        """Bring the database of a home that was moved up to date. Raises DependencyUnavailable."""
        with translated("open the tracking store"):
            anchor(self.uri, self._artifact_root)

    def experiment(self) -> str:
        """The id of the experiment, which is made if it is not there."""
        client = self.client()
        with translated("find its experiment"):
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is not None:
                return str(found.experiment_id)
            location = None if self.uri.startswith("http") else self._artifact_root.resolve().as_uri()
            return str(client.create_experiment(EXPERIMENT, artifact_location=location, tags=_KIND))

    def download(self, source: str, target: Path) -> Path:
        """Copy an artifact folder to somewhere under the local folder `target`; returns where it is."""
        with translated("download artifacts"):
            if source.startswith("file://"):  # as in every home; MLflow would copy it too
                return Path(shutil.copytree(url2pathname(urlsplit(source).path), target / "copied"))
            import mlflow.artifacts

            return Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(target), tracking_uri=self.uri))

    def _connect(self) -> MlflowClient:
        from mlflow import MlflowClient

        if self.uri.startswith("http"):
            _load_header_plugins()
        else:
            import mlflow.store.db.utils

            mlflow.store.db.utils.MAX_RETRY_COUNT = _CONNECT_ATTEMPTS
            # MLflow's own models warn under SQLAlchemy 2.1; nobody who reads our output can do anything about it
            warnings.filterwarnings("ignore", message="The ``noload`` loader strategy", category=DeprecationWarning)
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)


def _load_header_plugins() -> None:
    """Have MLflow load its HTTP header plugins, but not Feast's.

    That one is for a service which Marquee does not use, and imports Feast with torch: seven seconds and 460 MiB at the
    first request. MLflow loads them when it imports the registry, and never again.
    """
    from mlflow.utils import plugins

    every = plugins.get_entry_points
    plugins.get_entry_points = lambda group: [plugin for plugin in every(group) if plugin.name != "feast"]
    try:
        import mlflow.tracking.request_header.registry  # noqa: F401
    finally:
        plugins.get_entry_points = every


def metric_name(name: str) -> str:
    """MLflow allows no `@` in a metric's name."""
    return name.replace("@", "_at_")


@contextmanager
def translated(doing: str, unknown: Callable[[], NotFound] | None = None) -> Iterator[None]:
    """Turns MLflow's failures into DependencyUnavailable, and its answers that something does not exist into `unknown()`."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:  # ImportError: a database driver is missing
        raise _unavailable(doing, error) from error
    except Exception as error:
        if "mlflow" not in sys.modules:  # then it is none of MLflow's, which is not imported to find out
            raise
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException):
            raise
        if unknown is not None and error.error_code in _UNKNOWN:
            raise unknown() from error
        raise _unavailable(doing, error) from error


def _unavailable(doing: str, error: Exception) -> DependencyUnavailable:
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    cause = first_line.rpartition("(Caused by ")[2]  # the rest of an HTTP failure repeats the request
    return DependencyUnavailable("mlflow", f"it could not {doing}: {cause[:_REASON_LENGTH]}", "see docs/runbook.md#mlflow")


def _address(uri: str) -> str:
    """For PostgreSQL: with the driver that is installed (SQLAlchemy 2.1 assumes another) and a limit on connecting."""
    scheme, separator, rest = uri.partition("://")
    if not scheme.startswith("postgresql"):
        return uri
    driver = "postgresql+psycopg2" if scheme == "postgresql" else scheme
    limit = "" if "connect_timeout=" in rest else f"{'&' if '?' in rest else '?'}connect_timeout={CONNECT_SECONDS}"
    return f"{driver}{separator}{rest}{limit}"
