"""`marquee release`: building, judging, promoting and rolling back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app import wiring
from app.commands import release_tables
from app.commands.build_flags import Preset
from app.console import echo, out, settings
from app.usecases import releasing, rolling_out, steps
from core.errors import InvalidInput
from core.words import counted

app = typer.Typer(no_args_is_help=True, help="Build, judge, promote and roll back releases.")
VersionOrAlias = Annotated[str, typer.Argument(help="registry version or alias")]
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
    """List every registered version: aliases, stage, when, quality on held-out events, code, size, and the data that it saw."""
    versions = wiring.registry(settings()).versions()
    if not versions:
        echo("no release is registered; build one with `marquee release build`")
    out.print(release_tables.versions_table(versions))


@app.command(epilog="Example: marquee release show production")
def show(release: VersionOrAlias) -> None:
    """Show all that is known of a release: registry, promotion ledger, data, code, configuration, metrics, gate, files."""
    from core.bundle import read_manifest
    from lifecycle.ledger import LedgerUnavailable
    from lifecycle.release_facts import facts_of

    registry = wiring.registry(settings())
    version = registry.version(release)
    for one in registry.versions():
        if one.version == version:
            out.print(release_tables.registry_table(one))
    try:
        out.print(release_tables.ledger_table(wiring.ledger(settings()).entries(), version))
    except LedgerUnavailable as error:
        echo(error.detail)
    folder = registry.fetch(version)  # last: a damaged bundle hides nothing that is known without it
    out.print(*release_tables.facts_tables(facts_of(read_manifest(folder), folder)), sep="\n")


@app.command(epilog="Example: marquee release diff previous production")
def diff(first: VersionOrAlias, second: VersionOrAlias) -> None:
    """Show what differs between two releases: code, data, configuration, metrics, and the sizes of their files."""
    from core.bundle import read_manifest
    from lifecycle.release_facts import differences, facts_of

    registry = wiring.registry(settings())
    folder, other_folder = registry.fetch(first), registry.fetch(second)
    one, other = read_manifest(folder), read_manifest(other_folder)
    found = differences(facts_of(one, folder), facts_of(other, other_folder))
    out.print(release_tables.differences_table(one.release, other.release, found))
    if not found:
        echo("nothing differs")


@app.command(epilog="Example: marquee release promote 3 --why 'the spring catalogue'")
def promote(
    version: Annotated[str, typer.Argument(help="registry version, as `release build` printed it")],
    force: Annotated[bool, typer.Option("--force", help="promote even if the gate refuses")] = False,
    why: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only judge")] = False,
) -> None:
    """Judge a registered release against production and make it production. It is in the ledger before it happens."""
    releasing.promote(settings(), version, force, dry_run, echo, why)


@app.command(epilog="Example: marquee release rollout 3 --why 'the spring catalogue'; what is under way: marquee release rollout")
def rollout(
    version: Annotated[str, typer.Argument(help="registry version to let in; what is under way if left out")] = "",
    stop: Annotated[bool, typer.Option("--stop", help="take what is being let in out again")] = False,
    force: Annotated[bool, typer.Option("--force", help="let it in even if the gate refuses: users compare it then")] = False,
    why: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only judge it, or only name what would be stopped")] = False,
) -> None:
    """Let a release in that passes the gate: in shadow, to a growing share of the users, then as production on probation.

    A running watchdog takes it from step to step, and out again if its users get worse lists than the others.
    """
    rolling = rolling_out.rollouts(settings())
    if version and stop:
        raise InvalidInput("--stop", version, "without a version: one release is let in at a time")
    if version:
        releasing.let_in(settings(), version, dry_run, echo, why, force=force)
    elif stop and not dry_run:
        echo(f"version {rolling.stop(actor=wiring.person(), why=why)} is taken out again")
    else:
        for line in rolling_out.state_lines(rolling.under_way(), rolling.on_probation()):
            echo(line)


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
    out.print(release_tables.ledger_table(entries, version))
    if (broken := ledger.verify()) is not None:
        raise LedgerBroken(broken)
    echo(f"the chain of {counted(len(entries), 'entry')} holds")
