"""`marquee data`: what Marquee learns from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from app import wiring
from app.console import echo, out, settings
from app.usecases import steps
from core.errors import AlreadyRunning, DatasetError, InvalidInput
from datasets.dataset import Dataset
from datasets.movielens import BUNDLED
from datasets.registry import FETCHABLE, read_any
from datasets.tables import read_tables
from lake.items_feed import keys_of_ids

DATASETS = "datasets"  # folder under home
app = typer.Typer(no_args_is_help=True, help="Load, import and inspect data.")
HoldOut = Annotated[float, typer.Option(min=0.0, max=0.5, help="share of the newest events to hold out for replay")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check and report; write nothing")]
Replace = Annotated[bool, typer.Option("--replace", help="replace the data set that is loaded now")]


@app.command(epilog="Example: marquee data load ml-1m --hold-out 0.05")
def load(
    dataset: Annotated[str, typer.Argument(help="a MovieLens zip, or the name of a set that was fetched")] = BUNDLED.stem,
    hold_out: HoldOut = 0.05,
    dry_run: DryRun = False,
    replace: Replace = False,
) -> None:
    """Check a MovieLens set and write it to the lake."""
    _store(read_any(dataset, settings().folder(DATASETS)), hold_out, dry_run, replace)


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


@app.command(
    "import", epilog="Example: marquee data import --interactions x.csv --items y.csv --map user_id=uid,ts=when --dry-run"
)
def import_(
    interactions: Annotated[Path, typer.Option(help="CSV or Parquet: user_id, item_id, ts [, kind, value]")],
    items: Annotated[Path, typer.Option(help="CSV or Parquet: item_id, title [, genres (a|b), year, overview, ...]")],
    mapping: Annotated[str, typer.Option("--map", help="our column=your column, comma-separated")] = "",
    max_bad: Annotated[float, typer.Option(min=0.0, max=1.0, help="maximum share of bad rows")] = 0.05,
    hold_out: HoldOut = 0.0,
    dry_run: DryRun = False,
    replace: Replace = False,
) -> None:
    """Check your own tables, report what is wrong with them, and write them to the lake."""
    known = keys_of_ids(wiring.lake(settings()))
    _store(read_tables(interactions, items, _mapping(mapping), max_bad, known), hold_out, dry_run, replace)


@app.command(epilog="Example: marquee data info")
def info() -> None:
    """Show what the lake holds."""
    found = steps.stored(settings())
    events = found.interactions
    out.print(f"{len(events):,} interactions of {events['user_id'].n_unique():,} users, {len(found.catalogue):,} items")
    out.print(f"kinds: {dict(events.group_by('kind').len().sort('kind').iter_rows())}")
    out.print(f"Delta versions: {found.data_version}; held out for replay: {len(steps.held_out(settings())):,}")


@app.command(epilog="Example: marquee data erase --dry-run")
def erase(
    dry_run: DryRun = False, yes: Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")] = False
) -> None:
    """Delete everything that Marquee wrote under its home folder."""
    home = settings().home.resolve()
    known = ("lake", "feast", "events", "mlflow", "releases", "milvus", "logs", "run", "train", "watch", DATASETS, "tmdb")
    found = [home / name for name in known if (home / name).exists()]
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


def _mapping(text: str) -> dict[str, str]:
    pairs = [pair.split("=", 1) for pair in text.split(",") if pair]
    if any(len(pair) != 2 for pair in pairs):
        raise InvalidInput("--map", text, "our=yours,our=yours, for example user_id=uid,ts=when")
    return {ours.strip(): theirs.strip() for ours, theirs in pairs}


def _store(dataset: Dataset, hold_out: float, dry_run: bool, replace: bool) -> None:
    for line in dataset.report.lines():
        out.print(line, markup=False)
    if not dataset.has_time:
        raise DatasetError(f"{dataset.name} has an order but no times: use it with `marquee evaluate --protocol loo`")
    if dry_run:
        out.print("dry run: nothing was written")
        return
    loaded = steps.loaded_name(settings())
    if loaded not in (None, dataset.name) and not replace:
        raise AlreadyRunning(f"the lake holds {loaded}; use --replace to replace it and its events, or set MARQUEE_HOME")
    steps.load_data(settings(), dataset, hold_out, echo)
