"""`marquee items`: changes the catalogue while it is served."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from app import wiring
from app.console import out, settings
from app.usecases.items import parsed
from core import columns as c
from core.errors import InvalidInput
from lake.item_changes import Changed, change

app = typer.Typer(no_args_is_help=True, help="Hide, show and correct items while they are served.")
ItemIds = Annotated[list[str], typer.Argument(help="item ids")]
Time = partial(typer.Option, formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would change; change nothing")]


@app.command(epilog="Example: marquee items hide 318 SKU-0042 --dry-run")
def hide(ids: ItemIds, dry_run: DryRun = False) -> None:
    """Take items out of every list, everywhere, within two seconds. Histories and GET /items still show them."""
    _print_changes("hidden", change(wiring.lake(settings()), parsed(ids), {c.HIDDEN: True}, dry_run), dry_run)


@app.command(epilog="Example: marquee items show 318")
def show(ids: ItemIds, dry_run: DryRun = False) -> None:
    """Let hidden items into lists again."""
    _print_changes("shown", change(wiring.lake(settings()), parsed(ids), {c.HIDDEN: False}, dry_run), dry_run)


@app.command("set", epilog="Example: marquee items set 318 --title 'The Shawshank Redemption' --genres 'Crime|Drama' --year 1994")
def set_(
    id_: Annotated[str, typer.Argument(metavar="ID", help="item id")],
    title: Annotated[str | None, typer.Option(help="new title")] = None,
    genres: Annotated[str | None, typer.Option(help="new genres, separated by |")] = None,
    year: Annotated[int | None, typer.Option(min=1, max=9999, help="new year")] = None,
    maturity: Annotated[int | None, typer.Option(help="age in years from which it is suitable")] = None,
    language: Annotated[str | None, typer.Option(help="language tag, for example en")] = None,
    available_from: Annotated[datetime | None, Time(help="shown from this time on, UTC")] = None,
    available_until: Annotated[datetime | None, Time(help="not shown from this time on, UTC")] = None,
    series: Annotated[str | None, typer.Option(help="name of its series")] = None,
    people: Annotated[str | None, typer.Option(help="cast and crew, separated by |")] = None,
    cost: Annotated[float | None, typer.Option(help="licence cost of one play")] = None,
    runtime: Annotated[int | None, typer.Option(help="minutes")] = None,
    unset: Annotated[list[str] | None, typer.Option(help="a column that is not known any more; repeat it for several")] = None,
    dry_run: DryRun = False,
) -> None:
    """Correct what is known of an item. Lists have it within two seconds; models learn it with the next release."""
    named = {
        c.TITLE: title,
        c.GENRES: _names(genres),
        c.YEAR: year,
        c.MATURITY: maturity,
        c.LANGUAGE: language,
        c.AVAILABLE_FROM: _seconds(available_from),
        c.AVAILABLE_UNTIL: _seconds(available_until),
        c.SERIES: series,
        c.PEOPLE: _names(people),
        c.COST: cost,
        c.RUNTIME: runtime,
    }
    values = {name: value for name, value in named.items() if value is not None} | dict.fromkeys(unset or ())
    if not values:
        raise InvalidInput("options", "none", ", ".join(f"--{name.replace('_', '-')}" for name in (*named, "unset")))
    _print_changes("changed", change(wiring.lake(settings()), parsed([id_]), values, dry_run), dry_run)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [one for one in text.split("|") if one]


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()


def _print_changes(what: str, found: Changed, dry_run: bool) -> None:
    names = ", ".join(map(str, found.changed))
    out.print(
        f"{len(found.changed)} {what}{' (dry run: nothing was written)' if dry_run else ''}" + f": {names}" * bool(names),
        markup=False,
    )
    if found.unchanged:
        out.print(f"{len(found.unchanged)} had these values already: {', '.join(map(str, found.unchanged))}", markup=False)
