"""TMDB's data about films, as a frame with tmdb_id and `core.items.DETAILS`."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from core import columns as c
from core.errors import DatasetError
from core.items import DETAILS, ITEM_SCHEMA
from datasets.dataset import require_columns
from datasets.tmdb import CAST

SCHEMA = pl.Schema((name, ITEM_SCHEMA[name]) for name in (c.TMDB_ID, *DETAILS))


def from_file(path: Path) -> pl.DataFrame:
    """Reads Parquet with tmdb_id and any of overview, cast, director (joined by `|`), keywords, poster_path and
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
    """From rows with the same columns, as `datasets.tmdb` stores them."""
    names = pl.List(pl.String)
    texts = dict.fromkeys(("overview", "director", "poster_path", "original_language"), pl.String)
    return _details(pl.DataFrame(rows, schema={c.TMDB_ID: pl.Int64, **texts, "cast": names, "keywords": names}))


def _unless_empty(name: str) -> pl.Expr:
    """Null for an empty text or list: then nothing is known, and the value in the table is kept."""
    empty = pl.col(name).list.len() == 0 if isinstance(SCHEMA[name], pl.List) else pl.col(name).str.strip_chars() == ""
    return pl.when(~empty).then(pl.col(name)).alias(name)
