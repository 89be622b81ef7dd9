"""`marquee up` and `marquee demo`: the processes under one supervisor, and the whole loop in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from app import processes, wiring
from app.console import echo, err
from app.ops.ownership import sole_owner
from app.ops.supervisor import Supervisor
from app.usecases import demo_shift, steps
from app.usecases.lake_content import held_out, loaded_name, was_loaded
from app.usecases.replay import Replay
from core.settings import Settings
from datasets.movielens import read_movielens
from lake.items_feed import ItemsFeed

NOTHING: Mapping[str, str] = MappingProxyType({})


def run_up(settings: Settings) -> None:
    """Serve the live release until Ctrl-C. Raises AlreadyRunning, NotFound (no release), DependencyUnavailable."""
    with sole_owner(settings.home):
        steps.require_release(settings)
        _supervise(settings, _announce)


def run_demo(settings: Settings, preset: str | None, replay_seconds: float, shift: bool | None, leave: bool) -> None:
    """Prepare what is missing, serve, replay held-out events, let tastes shift, and stay up unless told to leave.

    `shift` sends events of made-up people; by default it is done once, and only where the lake holds the bundled films.
    """
    with sole_owner(settings.home):
        processes.require_free_ports(_everything(settings))  # before minutes of training, not after
        steps.prepare(settings, read_movielens, preset, echo)

        async def replay(settings: Settings, supervisor: Supervisor) -> None:
            await _announce(settings, supervisor)
            facts = ItemsFeed(wiring.lake(settings)).look()
            id_of = facts.id_of if facts else int
            show = Replay(settings.base_url, settings.folder("run") / "replay.json", err, id_of, wiring.own_key(settings))
            await asyncio.to_thread(show.run, held_out(settings), replay_seconds, lambda: supervisor.stopping)
            if shift if shift is not None else _shift_by_default(settings):
                await asyncio.to_thread(demo_shift.show, settings, lambda: supervisor.stopping)
                _shifted(settings).touch()
            if leave:
                supervisor.stop()
            elif not supervisor.stopping:
                err.print(f"Open {settings.base_url}/ , rate a film, and see the list answer. Ctrl-C stops everything.")

        _supervise(settings, replay, demo_shift.watchdog_settings())


def _shift_by_default(settings: Settings) -> bool:
    """Nobody's own data gets made-up events, and a demo that was shown the shift once is not shown it again."""
    return loaded_name(settings) == steps.BUNDLED and was_loaded(settings) and not _shifted(settings).exists()


def _shifted(settings: Settings) -> Path:
    return settings.folder("run") / "shifted"


def _everything(settings: Settings) -> list[processes.Process]:
    return [process for stage in _stages(settings) for process in stage]


def _stages(settings: Settings, watchdog_env: Mapping[str, str] = NOTHING) -> list[list[processes.Process]]:
    """Milvus first: the release's vectors are published before anything reads them."""
    own_milvus = [] if settings.milvus_uri else [processes.milvus(settings)]
    rest = [processes.api(settings), processes.consumer(settings), processes.watchdog(settings, watchdog_env)]
    return [own_milvus, [*rest, processes.mlflow_ui(settings)]]


def _supervise(
    settings: Settings, when_up: Callable[[Settings, Supervisor], Awaitable[None]], watchdog_env: Mapping[str, str] = NOTHING
) -> None:
    processes.require_free_ports(_everything(settings))
    supervisor = Supervisor(err, settings.folder("logs"))

    async def between(stage: int) -> None:
        if stage == 0:
            await asyncio.to_thread(steps.publish, settings, echo)
        else:
            await when_up(settings, supervisor)

    asyncio.run(supervisor.run(_stages(settings, watchdog_env), between))
    err.print("everything is stopped")


async def _announce(settings: Settings, supervisor: Supervisor) -> None:  # noqa: ARG001 - one signature for both
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
