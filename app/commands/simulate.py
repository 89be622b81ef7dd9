"""`marquee simulate`: traffic from users whose true preferences are known."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.console import out, settings
from core.errors import InvalidInput
from core.words import counted

if TYPE_CHECKING:
    from evaluation.simulation.run_statistics import RunStatistics
    from evaluation.simulation.simulation import Simulation

app = typer.Typer()
MAX_USERS = 100_000_000
PAST_EVENTS = 100_000


@app.command(
    epilog="Example: marquee simulate --users 1000000 --rate 200 --seconds 60; make data: marquee simulate --world var/world"
)
def simulate(
    users: Annotated[int, typer.Option(min=1, max=MAX_USERS, help="number of users")] = 10_000,
    items: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="number of films, with ids from 1; by default the films of the lake")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.1, max=1_000_000, help="visits per second (events per second with --to log)")
    ] = 50.0,
    to: Annotated[str, typer.Option(help="api: choose from served lists; log: straight into the event log")] = "api",
    url: Annotated[str | None, typer.Option(help="address of the API; by default that of the settings")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="duration in seconds; 60 if --events is not given either")
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="stop after this many events; those in flight are still sent to the API")
    ] = None,
    cold: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of visits that are a new user's first")] = 0.05,
    drift_days: Annotated[float, typer.Option(min=0.01, help="simulated days until a taste has changed completely")] = 90.0,
    day_seconds: Annotated[float, typer.Option(min=0.1, help="seconds of the run per simulated day")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="same seed, same world and same choices from the same lists")] = 1,
    world: Annotated[Path | None, typer.Option(help="write films and past events for `data import` there; send nothing")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="make the world, show the plan and some visits; send nothing")
    ] = False,
) -> None:
    """Send the visits of made-up users, whose tastes drift, to the API or the event log at a set rate.

    Users choose from what the API served, higher positions more often. New users and films arrive, trends come and go.
    """
    if to not in ("api", "log"):
        raise InvalidInput("--to", to, "api or log")
    from evaluation.simulation.arrivals import Arrivals
    from evaluation.simulation.simulation import WHOLE, ItemNames, Simulation
    from evaluation.simulation.world import World, WorldConfig, made_up

    config = WorldConfig(seed=seed, drift_days=drift_days)
    names: ItemNames = WHOLE
    if items is None and world is None:
        from app import wiring
        from app.usecases import steps
        from lake.items_feed import KnownItems

        catalogue = steps.stored(settings()).catalogue
        films, names = World(catalogue.ids, catalogue.genres, config), KnownItems(wiring.lake(settings())).facts
    else:
        films = made_up(items or 20_000, config)
    simulation = Simulation(films, Arrivals(users, seed, cold, visits_per_day=rate * day_seconds), names=names)
    if dry_run:
        _plan(simulation, rate, to)
    elif world is not None:
        _write(simulation, world, events or PAST_EVENTS)
    else:
        _send(simulation, rate, to, url, seconds if seconds or events else 60.0, events)


def _plan(simulation: Simulation, rate: float, to: str) -> None:
    """The world in words, and the first visits with the film that each likes best."""
    films, arrivals = simulation.world, simulation.arrivals
    out.print(
        f"{counted(arrivals.users, 'user')}, {counted(len(films.item_ids), 'film')}, {rate:g} visits a second to the {to}",
        markup=False,
    )
    for number in range(3):
        visit = arrivals.visit(number)
        best = simulation.names.id_of(int(films.item_ids[films.preference(visit.user, visit.day).argmax()]))
        out.print(f"visit {number}: user {visit.user}{' (new)' if visit.cold else ''}, likes film {best} best", markup=False)
    out.print("dry run: nothing was sent")


def _write(simulation: Simulation, folder: Path, events: int) -> None:
    from app.bars import Bars
    from evaluation.simulation.writing import write_world

    with Bars() as bar:
        task = bar.add_task("past events", total=events)
        interactions, items = write_world(simulation, folder, events, lambda done: bar.update(task, completed=done))
    out.print(f"marquee data import --interactions {interactions} --items {items}", markup=False, soft_wrap=True)


def _send(simulation: Simulation, rate: float, to: str, url: str | None, seconds: float | None, events: int | None) -> None:
    from app import wiring
    from app.bars import Bars
    from app.usecases.simulating import visit_api
    from evaluation.simulation.pacing import TokenBucket
    from evaluation.simulation.run_statistics import RunStatistics

    statistics = RunStatistics()
    bucket = TokenBucket(rate, burst=max(1.0, rate / 10))
    deadline = time.monotonic() + (seconds or float("inf"))
    with Bars() as bar:
        task = bar.add_task("simulating", total=events or int(rate * (seconds or 0)))

        def going() -> bool:
            bar.update(task, completed=statistics.sent if events else statistics.visits)
            return time.monotonic() < deadline and (events is None or statistics.sent < events)

        try:
            if to == "log":
                from evaluation.simulation.drivers import fill_log

                log = wiring.event_log(settings())
                try:
                    fill_log(simulation, log, bucket, statistics, going)
                finally:
                    log.close()
            else:
                here = settings()
                asyncio.run(visit_api(simulation, url or here.base_url, bucket, statistics, going, wiring.own_key(here)))
        finally:
            if statistics.visits:
                _summary(statistics, rate, "events" if to == "log" else "visits")


def _summary(statistics: RunStatistics, rate: float, unit: str) -> None:
    from rich.table import Table

    table = Table(title="What was simulated", show_header=False)
    span = statistics.seconds or float("nan")
    rows = {
        "visits": f"{statistics.visits:,}, {statistics.visits / span:,.1f} a second",
        "new users": f"{statistics.cold / max(statistics.visits, 1):.1%} of the visits",
        "events sent": f"{statistics.sent:,}, {statistics.sent / span:,.1f} a second",
        "asked for": f"{rate:g} {unit} a second",
        "events accepted": f"{statistics.accepted:,}, {statistics.quarantined:,} quarantined",
        "refused": ", ".join(f"{status}: {count:,}" for status, count in sorted(statistics.refused.items())) or "none",
        "latency": f"p50 {1e3 * statistics.percentile(50):.1f} ms, p99 {1e3 * statistics.percentile(99):.1f} ms",
        "acceptance": f"{statistics.sent / max(statistics.lists, 1):.1%} of the lists were answered",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    out.print(table)
