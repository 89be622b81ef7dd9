"""`marquee experiment`: A/B experiments, started and stopped while lists are served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app import wiring
from app.console import out, settings
from app.usecases import experimenting

app = typer.Typer(no_args_is_help=True, help="A/B experiments: what runs, start, stop, result, and how long one would take.")
Name = Annotated[str, typer.Argument(help="configs/experiments/NAME.toml")]
Why = Annotated[str, typer.Option(help="the reason, for the promotion ledger")]


@app.command("list", epilog="Example: marquee experiment list")
def list_() -> None:
    """List every experiment that has a file or was ever started: layer, buckets, shares, what it does now, and since when."""
    out.print(experimenting.table(experimenting.operations(settings()).listed()))


@app.command(epilog="Example: marquee experiment start exploration --why 'plan of the quarter' --dry-run")
def start(
    name: Name,
    why: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only check whether it could be started")] = False,
) -> None:
    """Start an experiment. Running APIs serve it within seconds; its definition is kept as it is now until it is stopped."""
    experimenting.operations(settings()).start(name, actor=wiring.person(), why=why, dry_run=dry_run)
    out.print(f"{name} {'can be' if dry_run else 'is'} started", markup=False)


@app.command(epilog="Example: marquee experiment stop exploration --why 'half is enough'")
def stop(
    name: Name,
    why: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only check whether it runs")] = False,
) -> None:
    """Stop an experiment. Within seconds its users get again what they would get without it."""
    experimenting.operations(settings()).stop(name, actor=wiring.person(), why=why, dry_run=dry_run)
    out.print(f"{name} {'runs and can be' if dry_run else 'is'} stopped", markup=False)


@app.command(epilog="Example: marquee experiment report exploration --out exploration.html")
def report(
    name: Name,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="where the HTML page goes; by default evaluation/experiment-NAME.html of the home"),
    ] = None,
) -> None:
    """Say what an experiment showed so far: better, worse, cannot tell or invalid, for each metric; with a page of plots.

    It may be looked at as often as one likes: its intervals hold at every look. The latest run counts.
    """
    from app.usecases.experiment_report import reporting

    path = out_file or settings().folder("evaluation") / f"experiment-{name}.html"
    for line in reporting.report(settings(), name, path):
        out.print(line, markup=False, soft_wrap=True)
    out.print(f"report: {path}", markup=False, soft_wrap=True)


@app.command(epilog="Example: marquee experiment plan exploration --min-effect 0.02")
def plan(
    name: Name,
    min_effect: Annotated[
        float | None, typer.Option(min=0.0001, max=1, help="relative change to be found; by default the one in its file")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="days until now whose lists say what acceptance and traffic are")] = 28.0,
) -> None:
    """Say how many users and days an experiment needs to find a change that matters, looked at once or all the time."""
    from app.usecases.experiment_report import reporting

    table = Table("variant", "change to be found", "looked at", "users", "days")
    for variant, found in reporting.planned(settings(), name, min_effect, days).items():
        ways = (
            ("once, at the end", found.fixed_users, found.fixed_days),
            ("all the time", found.sequential_users, found.sequential_days),
        )
        for looked, users, time in ways:
            never = "never: too few new users come"
            table.add_row(variant, f"{found.effect:.4f}", looked, f"{users:,}", never if time is None else f"{time:,.1f}")
    out.print(table)
