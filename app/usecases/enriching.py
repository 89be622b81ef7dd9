"""Writes film details from TMDB into the lake."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from app import wiring
from app.bars import Bars
from core import columns as c
from core.errors import InvalidInput, NotFound
from core.items import coverage, with_details
from core.ports import Echo
from core.settings import Settings
from core.words import counted
from datasets.enrich import from_file, from_rows
from datasets.tmdb import Cache, RateLimit, Tmdb
from lake import tables

_PER_SECOND = 20.0  # half of what TMDB allows


def enrich(settings: Settings, file: Path | None, dry_run: bool, echo: Echo) -> pl.DataFrame:
    """Write TMDB's details into the lake's items; returns the resulting coverage (`core.items.coverage`).

    From a file, or from the API with what earlier runs kept. A dry run writes nothing and sends no request. Raises NotFound
    when nothing is loaded or no film has a TMDB id, and InvalidInput without a key.
    """
    lake = wiring.lake(settings)
    items, interactions = lake.read(tables.ITEMS), lake.read(tables.INTERACTIONS)
    wanted = items[c.TMDB_ID].drop_nulls().unique().sort().to_list()
    if not wanted:
        raise NotFound("no film in the lake has a TMDB id; load a set that has them again: `marquee data load --replace`")
    details = from_file(file) if file else _from_api(settings, wanted, dry_run, echo)
    enriched = with_details(items, details)
    matched = len(set(wanted) & set(details.drop_nulls(c.TMDB_ID)[c.TMDB_ID]))
    echo(f"{matched:,} of {len(wanted):,} TMDB ids are known")
    if dry_run:
        echo("dry run: nothing was written")
    else:
        lake.revise(tables.ITEMS, lambda stored: with_details(stored, details), [c.ITEM])
        echo("the next release learns from it: `marquee release build`")
    return coverage(enriched, interactions)


def _from_api(settings: Settings, wanted: list[int], dry_run: bool, echo: Echo) -> pl.DataFrame:
    cache = Cache(settings.folder("tmdb") / "films.jsonl")
    missing = sorted(set(wanted) - set(cache.read()))
    echo(f"{counted(len(wanted) - len(missing), 'film')} in {cache.path}, {len(missing):,} to be fetched")
    if missing and not dry_run:
        if settings.tmdb_api_key is None:
            raise InvalidInput("MARQUEE_TMDB_API_KEY", None, "a key from themoviedb.org, or --from FILE")
        client = Tmdb(settings.tmdb_url, settings.tmdb_api_key, cache, RateLimit(_PER_SECOND))
        with Bars() as bar:
            task = bar.add_task("TMDB", total=len(missing))
            for done in client.fetch(missing):
                bar.advance(task, done)
    return from_rows(list(cache.read().values()))
