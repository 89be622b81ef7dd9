"""The processes of one Marquee on this machine: their commands, ports and readiness checks."""

from __future__ import annotations

import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from app.ops.own_module import own_module
from core.errors import AlreadyRunning
from core.settings import Settings


@dataclass(frozen=True)
class Process:
    """One child of the supervisor. `ready` is called until it returns True or `patience` seconds have passed."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    port: int
    port_setting: str  # the setting that moves the port
    env: dict[str, str] = field(default_factory=dict)
    patience: float = 60.0


def milvus(settings: Settings) -> Process:
    """Milvus Lite as a server, so that the API and the command line share it."""
    folder = settings.folder("milvus")
    command = (_script("milvus-lite"), "server", "--data-dir", str(folder), "--host", "127.0.0.1")
    return Process(
        "milvus",
        (*command, "--port", str(settings.milvus_port)),
        lambda: listening("127.0.0.1", settings.milvus_port),
        settings.milvus_port,
        "milvus_port",
    )


def mlflow_ui(settings: Settings) -> Process:
    """The MLflow UI on the tracking database."""
    artifacts = str(settings.folder("mlflow") / "artifacts")
    command = own_module("lifecycle.adapters.mlflow_server", settings.tracking_uri, artifacts)
    return Process(
        "mlflow",
        (*command, str(settings.mlflow_port)),
        lambda: answers(f"http://127.0.0.1:{settings.mlflow_port}/health"),
        settings.mlflow_port,
        "mlflow_port",
        # its job runner is seven more Python processes of 260 MB each, for features that Marquee does not use
        {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_LOGGING_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore",
        },
    )


def api(settings: Settings, env: Mapping[str, str] = MappingProxyType({})) -> Process:
    """`env` are settings of its own, as environment variables."""
    return Process(
        "api",
        own_module("app", "serve"),
        lambda: answers(f"{settings.base_url}/health/ready"),
        settings.api_port,
        "api_port",
        dict(env),
        patience=600.0,  # it may have to bring a large release's vectors to Milvus first
    )


def consumer(settings: Settings) -> Process:
    port = settings.consumer_metrics_port
    command = own_module("streaming.consumer")
    return Process("consumer", command, lambda: listening("127.0.0.1", port), port, "consumer_metrics_port")


def watchdog(settings: Settings, env: Mapping[str, str] = MappingProxyType({})) -> Process:
    """`env` are settings of its own, as environment variables."""
    port = settings.watchdog_metrics_port
    command = own_module("monitoring.watchdog")
    return Process("watchdog", command, lambda: listening("127.0.0.1", port), port, "watchdog_metrics_port", dict(env))


def listening(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def answers(url: str) -> bool:
    """Whether a GET answers with a success."""
    try:
        # our own address, of which nothing but the status is believed: its certificate may be for another name
        with urllib.request.urlopen(url, timeout=2.0, context=ssl._create_unverified_context()) as response:  # noqa: S310, S323
            return bool(200 <= response.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def require_free_ports(processes: list[Process]) -> None:
    """Raises AlreadyRunning that names the first taken port and how to choose another."""
    for process in processes:
        if listening("127.0.0.1", process.port):
            variable = f"MARQUEE_{process.port_setting.upper()}"
            raise AlreadyRunning(
                f"port {process.port} ({process.name}) is taken by another program; stop it, or choose another port: "
                f"{variable}={process.port + 1} marquee up",
                port=process.port,
            )


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
