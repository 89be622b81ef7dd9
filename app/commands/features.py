"""`marquee features`: what is known about users, offline and online."""

from __future__ import annotations

from typing import Annotated

import typer

from app import processes, steps, wiring
from app.console import out, say, settings
from core.errors import AlreadyRunning, NotFound

app = typer.Typer(no_args_is_help=True, help="Compute, materialise and look at features.")


@app.command(epilog="Example: marquee features materialize")
def materialize() -> None:
    """Compute every user's features from the lake, register the definitions with Feast, and fill the online store.

    Not while the consumer runs: an event that it applies meanwhile would be overwritten.
    """
    port = settings().consumer_metrics_port
    if processes.listening("127.0.0.1", port):
        raise AlreadyRunning(f"the consumer is running (port {port} answers); stop `marquee up` first, then start it again")
    steps.materialize(settings(), say)


@app.command(epilog="Example: marquee features show 42")
def show(user_id: Annotated[int, typer.Argument(min=1, help="the user")]) -> None:
    """One user's online features, as the API sees them now."""
    user = wiring.features(settings()).read(user_id)
    if user is None:
        raise NotFound(f"user {user_id} has no online features")
    titles = steps.stored(settings()).catalogue
    out.print(f"user {user.user_id}: {user.n_events} events, {len(user.consumed)} films not to recommend again")
    for item, value in list(zip(user.item_ids.tolist(), user.values.tolist(), strict=True))[-10:]:
        row = int(titles.rows([item])[0])
        out.print(f"  {item:>7}  {value:>5.1f}  {titles.titles[row] if row >= 0 else '(not in the catalogue)'}", markup=False)
    top = sorted(zip(user.genre_weights.tolist(), user.genres, strict=True), reverse=True)[:5]
    out.print("tastes: " + ", ".join(f"{genre} {weight:.2f}" for weight, genre in top))
