"""The processes of one Marquee under one supervisor.

Whoever supervises stays in memory and computes nothing: no data, no model and no SDK is imported here. Whether there is a release
to serve, and whether Milvus has its vectors, is looked at by the API, which needs both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from app import processes
from app.console import err
from app.ops.ownership import sole_owner
from app.ops.supervisor import Supervisor
from core.settings import Settings

NOTHING: Mapping[str, str] = MappingProxyType({})


def run_up(settings: Settings) -> None:
    """Serve the live release until Ctrl-C. Raises AlreadyRunning, DependencyUnavailable."""
    with sole_owner(settings.home):
        supervise(settings, announce)


def supervise(
    settings: Settings, when_up: Callable[[Settings, Supervisor], Awaitable[None]], watchdog_env: Mapping[str, str] = NOTHING
) -> None:
    """Run every process until it is told to stop; `when_up` is called when all are ready."""
    stages = _stages(settings, watchdog_env)
    processes.require_free_ports([process for stage in stages for process in stage])
    supervisor = Supervisor(err, settings.folder("logs"))

    async def between(stage: int) -> None:
        if stage == len(stages) - 1:
            await when_up(settings, supervisor)

    asyncio.run(supervisor.run(stages, between))
    err.print("everything is stopped")


async def announce(settings: Settings, supervisor: Supervisor) -> None:  # noqa: ARG001 - one signature for both
    """Say where everything is."""
    base = settings.base_url
    err.print("[bold green]Marquee is up[/]")
    for name, url in (
        ("web page", f"{base}/"),
        ("Swagger", f"{base}/docs"),
        ("a list", f"{base}/recommend/1?k=10&explain=true"),
        ("health", f"{base}/health/ready"),
        ("metrics", f"{base}/metrics"),
        ("MLflow", f"http://127.0.0.1:{settings.mlflow_port}/"),
    ):
        err.print(f"  {name:<9} {url}")


def everything(settings: Settings) -> list[processes.Process]:
    """Every process of this home."""
    return [process for stage in _stages(settings) for process in stage]


def _stages(settings: Settings, watchdog_env: Mapping[str, str] = NOTHING) -> list[list[processes.Process]]:
    """Milvus first, which the API gives the release's vectors; then the API, which people wait for, has the cores to itself."""
    own_milvus = [] if settings.milvus_uri else [processes.milvus(settings)]
    rest = [processes.consumer(settings), processes.watchdog(settings, watchdog_env), processes.mlflow_ui(settings)]
    return [own_milvus, [processes.api(settings, _links(settings))], rest]


def _links(settings: Settings) -> Mapping[str, str]:
    """Where the API says that MLflow is: its pages are started here."""
    known = settings.mlflow_url or settings.tracking_uri.startswith("http")
    return NOTHING if known else {"MARQUEE_MLFLOW_URL": f"http://127.0.0.1:{settings.mlflow_port}"}
