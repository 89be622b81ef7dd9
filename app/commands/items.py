"""`marquee items`: changes the catalogue while it is served."""

from __future__ import annotations

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
    dry_run: DryRun = False,
) -> None:
    """Correct what is known of an item. Lists have it within two seconds; models learn it with the next release."""
    named = {c.TITLE: title, c.GENRES: None if genres is None else [one for one in genres.split("|") if one], c.YEAR: year}
    values = {name: value for name, value in named.items() if value is not None}
    if not values:
        raise InvalidInput("options", "none", "--title, --genres, --year")
    _print_changes("changed", change(wiring.lake(settings()), parsed([id_]), values, dry_run), dry_run)


def _print_changes(what: str, found: Changed, dry_run: bool) -> None:
    names = ", ".join(map(str, found.changed))
    out.print(
        f"{len(found.changed)} {what}{' (dry run: nothing was written)' if dry_run else ''}" + f": {names}" * bool(names),
        markup=False,
    )
    if found.unchanged:
        out.print(f"{len(found.unchanged)} had these values already: {', '.join(map(str, found.unchanged))}", markup=False)
