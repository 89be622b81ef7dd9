"""`marquee release`: building, judging, promoting and rolling back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app import wiring
from app.console import echo, out, settings
from app.usecases import releasing, steps
from core.settings import CONFIGS

app = typer.Typer(no_args_is_help=True, help="Build, judge, promote and roll back releases.")
DEFAULT_CONFIG = CONFIGS / "training" / "demo.toml"
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        "--config",
        help="auto (the data choose among the candidates of configs/presets/auto.toml), a name in configs/training, "
        "or a TOML file; by default auto, and demo for the bundled films",
    ),
]

Why = Annotated[str, typer.Option(help="the reason, for the promotion ledger")]


@app.command(epilog="Example: marquee release build --preset auto")
def build(
    preset: Preset = None,
    promote: Annotated[bool, typer.Option(help="make it production if it passes the gate")] = True,
    seed: Annotated[int, typer.Option(min=0, help="makes the run repeatable")] = 1,
) -> None:
    """Train, evaluate on later events, register the bundle, and promote it if it passes the gate."""
    steps.build(settings(), preset, seed, promote, echo)


@app.command(epilog="Example: marquee release extend --items new_films.csv --dry-run")
def extend(
    items: Annotated[
        Path | None, typer.Option(help="CSV or Parquet: item_id, title [, genres (a|b), year, overview, ...]; else the lake's")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only name the new films")] = False,
) -> None:
    """Add films that came later to the production release, placed by their content, without training.

    They learn online from their first events, and fully with the next `marquee release build`.
    """
    from datasets.tables import read_items
    from lake.items_feed import keys_of_ids

    found = read_items(items, item_keys=keys_of_ids(wiring.lake(settings()))) if items else None
    steps.extend(settings(), found, dry_run, echo)


@app.command("list", epilog="Example: marquee release list")
def list_() -> None:
    """List every registered version: aliases, stage, when, how good it was on held-out events, and the data that it saw."""
    table = Table("version", "aliases", "stage", "release", "registered (UTC)", "NDCG@10", "popularity", "data")
    versions = wiring.registry(settings()).versions()
    for one in versions:
        when = f"{datetime.fromtimestamp(one.created, UTC):%Y-%m-%d %H:%M}"
        data = ", ".join(f"{name[5:]} {value}" for name, value in sorted(one.tags.items()) if name.startswith("data."))
        figures = (one.tags.get(name, "?") for name in ("ndcg_at_10", "popularity_ndcg_at_10"))
        told = (", ".join(one.aliases), one.tags["stage"], one.tags.get("release", "?"), when, *figures, data)
        table.add_row(one.version, *map(escape, told))
    if not versions:
        echo("no release is registered; build one with `marquee release build`")
    out.print(table)


@app.command(epilog="Example: marquee release promote 3 --why 'the spring catalogue'")
def promote(
    version: Annotated[str, typer.Argument(help="registry version, as `release build` printed it")],
    force: Annotated[bool, typer.Option("--force", help="promote even if the gate refuses")] = False,
    why: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only judge")] = False,
) -> None:
    """Judge a registered release against production and make it production. It is in the ledger before it happens."""
    releasing.promote(settings(), version, force, dry_run, echo, why)


@app.command(epilog="Example: marquee release rollback --dry-run")
def rollback(
    why: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only name the release")] = False,
) -> None:
    """Make the previous release production again. Running APIs and consumers take it up within seconds."""
    releasing.rollback(settings(), dry_run, echo, why)
    list_()


@app.command(epilog="Example: marquee release history --version 3")
def history(
    version: Annotated[str | None, typer.Option(help="only what happened to this version")] = None,
) -> None:
    """Show the promotion ledger, and check that nobody changed it; exit code 1 with the first broken entry if somebody did."""
    from lifecycle.ledger import LedgerBroken

    ledger = wiring.ledger(settings())
    entries = ledger.entries()
    table = Table("entry", "when (UTC)", "who", "what", "alias", "version", "release", "before", "why")
    for entry in entries:
        note = entry.note
        if version in (None, note.version, note.from_version):
            when = f"{datetime.fromtimestamp(note.at, UTC):%Y-%m-%d %H:%M:%S}"
            told = (note.actor, note.action.value, note.alias, note.version, note.release, note.from_version, note.why)
            table.add_row(str(entry.number), when, *map(escape, told))
    out.print(table)
    if (broken := ledger.verify()) is not None:
        raise LedgerBroken(broken)
    echo(f"the chain of {len(entries)} entries holds")
