"""`marquee drill`: what Marquee has to cope with, made to happen on a simulated clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.console import err, out, settings

if TYPE_CHECKING:
    from app.usecases.drill.story import Told

ACTS = 6
app = typer.Typer(help="See on a simulated clock how Marquee copes: no service is needed, and yours is not touched.")


@app.callback()
def drill() -> None:
    """A group, however many commands it has."""


@app.command(epilog="Example: marquee drill drift --small --report drift.html")
def drift(
    small: Annotated[bool, typer.Option("--small", help="half of the people: a minute instead of some")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="another seed: other people, films and tastes")] = 1,
    report: Annotated[
        Path | None, typer.Option(help="where the HTML page goes; by default drill/drift.html of the home folder")
    ] = None,
) -> None:
    """Let tastes shift, and bad releases arrive, and see what becomes of it: a month in some minutes.

    The watchdog notices, one retraining starts, and its release is let in by shadow and canary. A broken release is refused by
    the gate, one that is bad online only is stopped in canary, and one that turns bad later is rolled back. Prints the timeline
    and writes a page with a chart; the exit code is 1 when something did not happen as it has to.
    """
    from rich.progress import Progress

    from app.usecases.drill.config import DrillConfig
    from app.usecases.drill.running import PAGE, run_drift

    config, began = DrillConfig(seed=seed), time.monotonic()
    page = report or settings().folder("drill") / PAGE
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("preparing", total=ACTS)

        def say(line: Told) -> None:
            bar.update(task, completed=line.act - 1, description=f"act {line.act}, day {line.day:g}")
            out.print(f"day {line.day:4.1f}  {line.text}", markup=False, soft_wrap=True)

        try:
            story = run_drift(config.small() if small else config, page, say)
        finally:
            out.print(f"report: {page}", markup=False, soft_wrap=True)
    out.print(f"all {len(story.expectations)} expectations held, in {time.monotonic() - began:.0f} s", markup=False)
