"""`marquee topics`: the event log's topics as they should be."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from app import wiring
from app.console import out, settings
from streaming.topics import SPECS, Change

app = typer.Typer(no_args_is_help=True, help="Bring the event log's topics in line with their specification.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="show the differences; change nothing")]


@app.command(epilog="Example: marquee topics apply --dry-run")
def apply(dry_run: DryRun = False) -> None:
    """Create and alter topics until they match `streaming/topics.py`; on the embedded log, delete what is past its retention.

    Partitions are never changed: a user's events must stay where they are. The embedded log keeps what a consumer group has
    not committed, however old it is.
    """
    topics = wiring.topics(settings())
    changes = topics.plan(SPECS) if dry_run else topics.apply(SPECS)
    if not changes:
        out.print("every topic matches its specification")
        return
    out.print(_table(changes))
    made = sum(not change.refused for change in changes)
    out.print(f"{made} change{'' if made == 1 else 's'} {'to make (dry run: nothing was changed)' if dry_run else 'made'}")


def _table(changes: list[Change]) -> Table:
    table = Table("topic", "what", "is", "should be", "")
    for change in changes:
        table.add_row(change.topic, change.what, change.before, change.after, f"refused: {change.refused}" * bool(change.refused))
    return table
