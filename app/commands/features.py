"""`marquee features`: what is known about users, offline and online."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from typing import Annotated

import typer

from app import wiring
from app.console import echo, out, settings
from app.ops.ownership import without_consumer
from core.errors import AlreadyRunning, InvalidInput, NotFound
from core.ids import original, parse_id, user_key
from core.words import counted
from lake.items_feed import KnownItems

app = typer.Typer(no_args_is_help=True, help="Compute, materialise, repair, compare and show features.")
Engine = Annotated[str, typer.Option(help="polars, or spark for a lake that outgrows this machine's memory")]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command(epilog="Example: marquee features materialize --every 12h")
def materialize(
    every: Annotated[str, typer.Option(help="repeat at this interval, for example 30m, 12h or 1d, until Ctrl-C")] = "",
    engine: Engine = "polars",
) -> None:
    """Compute every user's features from the lake, register the definitions with Feast, and fill the online store.

    Not while the consumer runs: an event that it applies meanwhile would be overwritten. With --every, the online store is
    left alone as long as the consumer runs, and only the snapshots for training sets are added.
    """
    from app.usecases.features import materialize as run

    seconds = seconds_of(every, "--every") if every else 0
    if not every:
        with without_consumer(settings().home):
            run(settings(), echo, engine=engine)
        return
    while True:
        try:
            with without_consumer(settings().home):
                run(settings(), echo, engine=engine)
        except AlreadyRunning:
            run(settings(), echo, online=False, engine=engine)
        echo(f"next run in {every}")
        time.sleep(seconds)


@app.command(epilog="Example: marquee features backfill --dry-run")
def backfill(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be written; write nothing")] = False,
    engine: Engine = "polars",
) -> None:
    """Rewrite every user's online features from the lake, replacing what is there.

    For an online store that came back empty, or whose records cannot be read. Not while the consumer runs.
    """
    from app.usecases.features import backfill as run

    with nullcontext() if dry_run else without_consumer(settings().home):
        run(settings(), dry_run, echo, engine)


@app.command(epilog="Example: marquee features verify --sample 1000")
def verify(
    sample: Annotated[int, typer.Option(min=1, help="users to compare, drawn at random")] = 200,
    seed: Annotated[int, typer.Option(help="seed of the random sample")] = 0,
) -> None:
    """Compare online features with those computed from the lake's events, and exit with 1 on skew."""
    from app.usecases.features import verify as run

    found = run(settings(), sample, seed)
    for line in found.lines():
        out.print(line, markup=False)
    if found.found:
        echo("stop the consumer cleanly, run `marquee features backfill`, and start the consumer again")
        raise typer.Exit(1)


@app.command(epilog="Example: marquee features show 42")
def show(user_id: Annotated[str, typer.Argument(help="the user")]) -> None:
    """Show one user's online features, as the API sees them now."""
    try:
        who = parse_id(user_id)
    except ValueError as error:
        raise InvalidInput("USER_ID", user_id, str(error).removeprefix("allowed: ")) from error
    user = wiring.features(settings()).read(user_key(who))
    if user is None or user.external_id != original(who):
        raise NotFound(f"user {user_id} has no online features")
    facts = KnownItems(wiring.lake(settings())).facts
    out.print(
        f"user {who}: {counted(user.n_events, 'event')}, {counted(len(user.consumed), 'film')} not to recommend again",
        markup=False,
    )
    if user.profile:
        out.print(f"profile: {', '.join(user.profile)}", markup=False)
    for key, value in list(zip(user.item_ids.tolist(), user.values.tolist(), strict=True))[-10:]:
        row = facts.row(key)
        title = facts.title(row) if row >= 0 else "(not in the catalogue)"
        out.print(f"  {facts.id_of(key)!s:>7}  {value:>5.1f}  {title}", markup=False)
    top = sorted(zip(user.genre_weights.tolist(), user.genres, strict=True), reverse=True)[:5]
    out.print("tastes: " + ", ".join(f"{genre} {weight:.2f}" for weight, genre in top), markup=False)


def seconds_of(text: str, flag: str) -> int:
    """Of a time such as 30m, 12h or 7d. Raises InvalidInput that names the flag."""
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match or int(match[1]) < 1:
        raise InvalidInput(flag, text, "a number and s, m, h or d, for example 12h")
    return int(match[1]) * _UNITS[match[2]]
