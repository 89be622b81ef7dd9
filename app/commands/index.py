"""`marquee index`: item embeddings in Milvus."""

from __future__ import annotations

import typer

from app import wiring
from app.console import echo, out, settings
from app.usecases import steps
from core.errors import DependencyUnavailable
from core.words import counted

app = typer.Typer(no_args_is_help=True, help="Write and check the vector index.")


@app.command(epilog="Example: marquee index publish")
def publish() -> None:
    """Write the live release's item embeddings into its own Milvus collection and point the live alias at it.

    Milvus must be running: `marquee up`.
    """
    steps.publish(settings(), echo)


@app.command(epilog="Example: marquee index check")
def check() -> None:
    """Compare Milvus with the live release: is the collection there and complete?"""
    from recommender.release import open_release

    release = open_release(wiring.registry(settings()).fetch("production"))
    if not wiring.milvus(settings()).ready(release.name):
        raise DependencyUnavailable("milvus", f"it does not have release {release.name}", "run `marquee index publish`")
    out.print(f"Milvus has release {release.name}: {counted(len(release.catalogue), 'item')}")
