"""`marquee demo`: the whole loop, in front of the processes of `marquee up`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app import processes, wiring
from app.console import echo, err
from app.ops.ownership import sole_owner
from app.ops.supervisor import Supervisor
from app.usecases import demo_shift, steps
from app.usecases.lake_content import held_out, loaded_name, was_loaded
from app.usecases.replay import Replay
from app.usecases.up import announce, everything, supervise
from core.settings import Settings
from datasets.movielens import read_movielens
from lake.items_feed import ItemsFeed


def run_demo(settings: Settings, preset: str | None, replay_seconds: float, shift: bool | None, leave: bool) -> None:
    """Prepare what is missing, serve, replay held-out events, let tastes shift, and stay up unless told to leave.

    `shift` sends events of made-up people; by default it is done once, and only where the lake holds the bundled films.
    """
    with sole_owner(settings.home):
        processes.require_free_ports(everything(settings))  # before minutes of training, not after
        steps.prepare(settings, read_movielens, preset, echo)

        async def replay(settings: Settings, supervisor: Supervisor) -> None:
            await announce(settings, supervisor)
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

        supervise(settings, replay, demo_shift.watchdog_settings())


def _shift_by_default(settings: Settings) -> bool:
    """Nobody's own data gets made-up events, and a demo that was shown the shift once is not shown it again."""
    return loaded_name(settings) == steps.BUNDLED and was_loaded(settings) and not _shifted(settings).exists()


def _shifted(settings: Settings) -> Path:
    return settings.folder("run") / "shifted"
