"""`marquee data`: what Marquee learns from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from app.commands import data_import
from app.console import echo, out, settings
from app.usecases import steps
from app.usecases.lake_content import held_out
from core.errors import DatasetError
from core.settings import FOLDERS
from core.words import counted
from datasets.movielens import BUNDLED
from datasets.registry import FETCHABLE, read_any

DATASETS = "datasets"  # folder under home
app = typer.Typer(no_args_is_help=True, help="Load, import and inspect data.")
app.command("import", epilog=data_import.EXAMPLE)(data_import.import_)
HoldOutShare = Annotated[float, typer.Option(min=0.0, max=0.5, help="share of the newest events to hold out for replay")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check and report; write nothing")]


@app.command(epilog="Example: marquee data load ml-1m --hold-out 0.05")
def load(
    dataset: Annotated[str, typer.Argument(help="a MovieLens zip, or the name of a set that was fetched")] = BUNDLED.stem,
    hold_out: HoldOutShare = 0.05,
    dry_run: DryRun = False,
    replace: data_import.Replace = False,
    yes: data_import.Yes = False,
) -> None:
    """Check a MovieLens set and write it to a lake that is empty or has it already; nothing is taken out without --replace."""
    from app.ops.ownership import without_consumer
    from app.usecases.loading import load_data

    found = read_any(dataset, settings().folder(DATASETS))
    for line in found.report.lines():
        out.print(line, markup=False)
    if not found.has_time:
        raise DatasetError(f"{found.name} has an order but no times: use it with `marquee evaluate --protocol loo`")
    if dry_run:
        out.print("dry run: nothing was written")
        return
    with without_consumer(settings().home):
        if replace:
            data_import.take_out(yes)
        load_data(settings(), found, hold_out, echo)


@app.command(epilog="Example: marquee data fetch ml-1m; without network: marquee data fetch ml-1m --from ~/Downloads/ml-1m.zip")
def fetch(
    name: Annotated[str, typer.Argument(help=f"one of {', '.join(FETCHABLE)}")],
    file: Annotated[Path | None, typer.Option("--from", help="a zip that was downloaded manually: check it and store it")] = None,
    url: Annotated[str | None, typer.Option(help="where NAME.zip and NAME.zip.md5 are; GroupLens if left out")] = None,
) -> None:
    """Download a MovieLens set with its checksum; an interrupted download is resumed."""
    from datasets import fetch as fetching

    folder = settings().folder(DATASETS)
    path = fetching.adopt(name, file, folder) if file else fetching.download(name, folder, url or settings().datasets_url)
    out.print(f"{path}\nits README contains the licence: no redistribution, no commercial use without GroupLens' permission")
    out.print(f"load it with `marquee data load {name}`")


@app.command(epilog="Example: marquee data enrich --from tmdb.parquet --dry-run; or MARQUEE_TMDB_API_KEY=... marquee data enrich")
def enrich(
    file: Annotated[Path | None, typer.Option("--from", help="Parquet with tmdb_id, overview, ...; the API if left out")] = None,
    dry_run: DryRun = False,
) -> None:
    """Add overviews, people, keywords, posters and languages to the films in the lake, and report how many have them."""
    from app.usecases import enriching

    for field, items, interactions in enriching.enrich(settings(), file, dry_run, echo).rows():
        out.print(f"{field:<10} {items:6.1%} of the films, {interactions:6.1%} of the interactions")


@app.command(epilog="Example: marquee data info")
def info() -> None:
    """Show what the lake holds."""
    found = steps.stored(settings())
    events = found.interactions
    out.print(
        f"{counted(len(events), 'interaction')} of {counted(events['user_id'].n_unique(), 'user')}, "
        f"{counted(len(found.catalogue), 'item')}"
    )
    out.print(f"kinds: {dict(events.group_by('kind').len().sort('kind').iter_rows())}")
    out.print(f"Delta versions: {found.data_version}; held out for replay: {len(held_out(settings())):,}")


@app.command(epilog="Example: marquee data erase --dry-run")
def erase(dry_run: DryRun = False, yes: data_import.Yes = False) -> None:
    """Delete everything that Marquee wrote under its home folder."""
    home = settings().home.resolve()
    found = [home / name for name in FOLDERS if (home / name).exists()]
    if not found:
        out.print(f"nothing to erase under {home}")
        return
    out.print(f"under {home}: {', '.join(path.name for path in found)}")
    if dry_run:
        return
    if not yes:
        typer.confirm("Erase these for good?", abort=True)
    from app.ops.ownership import sole_owner

    with sole_owner(home):
        for path in found:
            if path.name != "run":
                shutil.rmtree(path)
    out.print("erased")
