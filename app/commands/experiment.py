"""`marquee experiment`: A/B experiments, started and stopped while lists are served."""

from __future__ import annotations

from typing import Annotated

import typer

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
