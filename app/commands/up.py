"""`marquee up`. By itself, because the supervisor stays in memory: nothing is imported here that it does not need."""

from __future__ import annotations

import typer

from app.console import settings
from app.usecases.up import run_up

app = typer.Typer()


@app.command(epilog="Example: marquee up")
def up() -> None:
    """Run Milvus, the API, the consumer, the watchdog and the MLflow UI under one supervisor, until Ctrl-C."""
    run_up(settings())
