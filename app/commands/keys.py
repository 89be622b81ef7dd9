"""`marquee keys`: API keys, what they may do, and how often."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from app import wiring
from app.console import err, out, settings
from serving.access.callers import Scope
from serving.access.keys import ApiKey

app = typer.Typer(no_args_is_help=True, help="API keys: make one, list them, end one. Running APIs know within seconds.")
Name = Annotated[str, typer.Argument(help="what the key is for, such as shop-backend")]


@app.command(epilog="Example: marquee keys create shop-backend --scope read --scope events --per-minute 60000 --days 365")
def create(
    name: Name,
    scope: Annotated[list[Scope], typer.Option(help="what it may do; repeat it. admin includes the others")],
    per_minute: Annotated[
        int | None, typer.Option(min=0, help="requests a minute; 0: no limit; MARQUEE_RATE_LIMIT if not given")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="days until it expires; never if not given")] = None,
) -> None:
    """Make a key and print it, once: only its hash is kept. Clients send it in the header X-Api-Key."""
    secret = wiring.keys(settings()).create(name, scope, days, per_minute)
    err.print(f"the key {name}, which is shown only now:", markup=False)
    out.print(secret, markup=False, highlight=False, soft_wrap=True)
    if settings().access == "open":
        err.print("MARQUEE_ACCESS is open: requests without a key are answered too; set it to keys to change that")


@app.command("list", epilog="Example: marquee keys list")
def list_() -> None:
    """List the keys: what each may do, how often, and until when. The keys themselves are kept nowhere."""
    table = Table("name", "scopes", "a minute", "made", "expires")
    for key in wiring.keys(settings()).all():
        table.add_row(
            key.name, " ".join(key.scopes), _limit(key), _day(key.created), _day(key.expires) if key.expires else "never"
        )
    out.print(table)


@app.command(epilog="Example: marquee keys revoke shop-backend")
def revoke(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only check whether there is such a key")] = False,
) -> None:
    """End a key. It cannot be brought back; requests that carry it get 401 from then on."""
    wiring.keys(settings()).revoke(name, dry_run=dry_run)
    out.print(f"{name} {'can be' if dry_run else 'is'} revoked", markup=False)


def _limit(key: ApiKey) -> str:
    limit = settings().rate_limit if key.per_minute is None else key.per_minute
    return str(limit) if limit else "no limit"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
