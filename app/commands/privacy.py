"""`marquee privacy`: what is held of a user, and erasing it."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer
from rich.table import Table

from app import wiring
from app.console import err, out, settings
from app.usecases.privacy.erase import PrivacyReceipt, erase_everywhere, find
from app.usecases.privacy.inventory import inventory
from core.ids import ExternalId, parse_id

app = typer.Typer(no_args_is_help=True, help="What is held of a user: find it, erase it, and prove that it is gone.")
User = Annotated[str, typer.Argument(help="the user's id, as the company calls them")]


@app.command(epilog="Example: marquee privacy verify anna@example.com")
def verify(user: User) -> None:
    """Look into every store for a user, and print what each has. Exit code 1 where anything is left that could be erased."""
    found = settings()
    with closing(wiring.features(found)) as features:
        receipt = find(inventory(found, wiring.lake(found), features), _id(user))
    _print(receipt)
    if not receipt.clean:
        raise typer.Exit(1)


@app.command(epilog="Example: marquee privacy erase anna@example.com --dry-run")
def erase(
    user: User,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be erased")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Take a user out of every store, look again, and print the receipt. It cannot be undone.

    Events of before are forgotten from then on, also those that arrive late. Running processes may remember the user for ten
    minutes; DELETE /users/{user_id} has the API that answers it forget at once. Releases that learned from the user's events hold
    no record of them; the next one is built without.
    """
    found = settings()
    with closing(wiring.features(found)) as features:
        lake = wiring.lake(found)
        stores, who = inventory(found, lake, features), _id(user)
        if dry_run:
            _print(find(stores, who))
            err.print("dry run: nothing was erased")
            return
        if not yes:
            typer.confirm(f"Erase everything that is held of {user}?", abort=True, err=True)
        receipt = erase_everywhere(stores, lake, features, who)
    _print(receipt)
    if not receipt.clean:
        err.print("something is left; run the same command again")
        raise typer.Exit(1)


def _id(text: str) -> ExternalId:
    try:
        return parse_id(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _print(receipt: PrivacyReceipt) -> None:
    table = Table("store", "found", "left", "")
    for line in receipt.lines:
        table.add_row(line.store, f"{line.found:,}", f"{line.left:,}", line.stays)
    out.print(table)
