"""What TMDB knows of films, as a frame with tmdb_id and `core.items.DETAILS`."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.progress import Progress

from app import wiring
from app.console import err
from core import columns as c
from core.errors import DatasetError, InvalidInput, NotFound
from core.items import DETAILS, ITEM_SCHEMA, coverage, with_details
from core.settings import Settings
from datasets.dataset import require_columns
from datasets.tmdb import CAST, Cache, Pace, Tmdb
from lake import tables

SCHEMA = pl.Schema((name, ITEM_SCHEMA[name]) for name in (c.TMDB_ID, *DETAILS))
_PER_SECOND = 20.0  # half of what TMDB allows
Say = Callable[[str], None]


def enrich(settings: Settings, file: Path | None, dry_run: bool, say: Say) -> pl.DataFrame:
    """Write what TMDB knows into the lake's items; returns the coverage that this makes (`core.items.coverage`).

    From a file, or from the API with what earlier runs kept. A dry run writes nothing and asks nobody. Raises NotFound
    when nothing is loaded or no film has a TMDB id, and InvalidInput without a key.
    """
    lake = wiring.lake(settings)
    items, interactions = lake.read(tables.ITEMS), lake.read(tables.INTERACTIONS)
    wanted = items[c.TMDB_ID].drop_nulls().unique().sort().to_list()
    if not wanted:
        raise NotFound("no film in the lake has a TMDB id; load a set that has them again: `marquee data load --replace`")
    details = from_file(file) if file else _from_api(settings, wanted, dry_run, say)
    enriched = with_details(items, details)
    matched = len(set(wanted) & set(details.drop_nulls(c.TMDB_ID)[c.TMDB_ID]))
    say(f"{matched:,} of {len(wanted):,} TMDB ids are known")
    if dry_run:
        say("dry run: nothing was written")
    else:
        lake.replace(tables.ITEMS, enriched)
        say("the next release learns from it: `marquee release build`")
    return coverage(enriched, interactions)


def _from_api(settings: Settings, wanted: list[int], dry_run: bool, say: Say) -> pl.DataFrame:
    cache = Cache(settings.folder("tmdb") / "films.jsonl")
    lacking = sorted(set(wanted) - set(cache.read()))
    say(f"{len(wanted) - len(lacking):,} films are in {cache.path}, {len(lacking):,} are to be asked for")
    if lacking and not dry_run:
        if settings.tmdb_api_key is None:
            raise InvalidInput("MARQUEE_TMDB_API_KEY", None, "a key from themoviedb.org, or --from FILE")
        client = Tmdb(settings.tmdb_url, settings.tmdb_api_key, cache, Pace(_PER_SECOND))
        with Progress(console=err, transient=True) as bar:
            task = bar.add_task("TMDB", total=len(lacking))
            for done in client.fetch(lacking):
                bar.advance(task, done)
    return from_rows(list(cache.read().values()))


def from_file(path: Path) -> pl.DataFrame:
    """From Parquet with tmdb_id and any of overview, cast, director (joined by `|`), keywords, poster_path and
    original_language. Raises DatasetError."""
    try:
        rows = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path} cannot be read as Parquet: {error}") from error
    require_columns(path.name, rows.columns, [c.TMDB_ID])
    try:
        return _details(rows)
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{path.name} has a column of another type than TMDB's: {error}") from error


def _details(rows: pl.DataFrame) -> pl.DataFrame:
    def column(name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
        return pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype=dtype)

    names = pl.List(pl.String)
    directors = column("director", pl.String).fill_null("").str.split("|")
    people = pl.concat_list(column("cast", names).fill_null([]).list.head(CAST), directors)
    details = rows.select(
        pl.col(c.TMDB_ID).cast(pl.Int64),
        column("overview", pl.String).map_elements(html.unescape, pl.String).alias(c.OVERVIEW),
        people.list.unique(maintain_order=True).list.set_difference([""]).alias(c.PEOPLE),
        column("keywords", names).alias(c.KEYWORDS),
        column("poster_path", pl.String).alias(c.POSTER),
        column("original_language", pl.String).alias(c.LANGUAGE),
    )
    return details.with_columns(_unless_empty(name) for name in DETAILS).cast(SCHEMA)


def from_rows(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """From rows with the same columns, as `datasets.tmdb` keeps them."""
    names = pl.List(pl.String)
    texts = dict.fromkeys(("overview", "director", "poster_path", "original_language"), pl.String)
    return _details(pl.DataFrame(rows, schema={c.TMDB_ID: pl.Int64, **texts, "cast": names, "keywords": names}))


def _unless_empty(name: str) -> pl.Expr:
    """Null for an empty text or list: nothing is known then, and what the table has already is kept."""
    empty = pl.col(name).list.len() == 0 if isinstance(SCHEMA[name], pl.List) else pl.col(name).str.strip_chars() == ""
    return pl.when(~empty).then(pl.col(name)).alias(name)
