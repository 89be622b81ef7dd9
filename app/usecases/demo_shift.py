"""The demo's short version of drift: people with other tastes come, and the watchdog notices and acts.

`marquee drill drift` is the long version, on a simulated clock, up to the release that is let in.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator

from app import wiring
from app.bars import Bars
from app.console import err
from app.usecases import steps
from app.usecases.simulating import visit_api
from core.settings import Settings
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.pacing import TokenBucket
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.shift import ShiftingWorld
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import World, WorldConfig
from lake.items_feed import KnownItems
from monitoring.timeline import Entry, Timeline
from monitoring.watch import Verdict

# Two windows have to drift: with these they fill within a minute, where the usual ones of 2,000 events would take several.
WATCHED_CLOSELY = {"MARQUEE_WATCH_WINDOW": "600", "MARQUEE_WATCH_INTERVAL": "10"}
PEOPLE, FIRST_USER = 400, 9_000_001  # ids that nobody in the bundled films has
VISITS_PER_SECOND = 15.0
PATIENCE = 180.0  # seconds
GAP, SHARE = 4.0, 0.2  # in utility, of the films: what nobody liked is now in fashion


def watchdog_settings() -> dict[str, str]:
    """What the demo's watchdog is told, except for what the environment says already."""
    return {name: value for name, value in WATCHED_CLOSELY.items() if name not in os.environ}


def show(settings: Settings, stopping: Callable[[], bool]) -> Entry | None:
    """Send the visits of people with other tastes until the watchdog acts on them, saying what it concludes meanwhile.

    Returns the decision; None if there was none within `PATIENCE` seconds. Raises DependencyUnavailable without an API.
    """
    err.print(f"[bold]tastes shift[/]: {PEOPLE} made-up people come, who want what nobody wanted before; the watchdog looks on")
    simulation, statistics, began = _people(settings), RunStatistics(), time.time()
    decisions = _new_decisions(Timeline(settings.folder("watch")), began)
    acted: list[Entry] = []
    with Bars() as bar:
        task = bar.add_task("visits", total=int(PATIENCE * VISITS_PER_SECOND))

        def going() -> bool:
            bar.update(task, completed=statistics.visits)
            for entry in next(decisions):
                after = f"after {entry.at - began:.0f} s and {statistics.sent:,} events"
                bar.console.print(f"{after}: {entry.verdict}", markup=False, soft_wrap=True)
                if entry.verdict in (Verdict.RETRAIN, Verdict.DRIFT):
                    acted.append(entry)
            return not acted and not stopping() and time.time() - began < PATIENCE

        bucket = TokenBucket(VISITS_PER_SECOND, burst=VISITS_PER_SECOND)
        asyncio.run(
            visit_api(simulation, settings.base_url, bucket, statistics, going, wiring.own_key(settings), max_concurrent=8)
        )
    if not acted:
        err.print("the watchdog did not act on it; `marquee watch --explain` says what it saw")
        return None
    err.print(f"[bold green]the watchdog acted[/]: {acted[0].action}", soft_wrap=True)
    err.print("`marquee watch --explain` says why; `marquee drill drift` shows the whole way, up to the release that is let in")
    return acted[0]


def _people(settings: Settings) -> Simulation:
    """Users that nobody knows, in a world of the lake's films whose fashion has just changed."""
    catalogue = steps.stored(settings).catalogue
    usual = World(catalogue.ids, catalogue.genres, WorldConfig())
    arrivals = Arrivals(PEOPLE, cold=0.0, known=1.0, skew=1.0, first_user=FIRST_USER)
    return Simulation(ShiftingWorld(usual, -1.0, GAP, SHARE), arrivals, names=KnownItems(wiring.lake(settings)).facts)


def _new_decisions(timeline: Timeline, since: float) -> Iterator[list[Entry]]:
    """At each step the decisions after Unix second `since` that were not given yet; looks once a second at most."""
    looked = 0.0
    while True:
        found: list[Entry] = []
        if (now := time.time()) - looked >= 1.0:
            looked = now
            found = [entry for entry in timeline.newest(20) if entry.at > since]
            since = found[-1].at if found else since
        yield found
