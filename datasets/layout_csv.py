"""ml-latest, ml-20m, ml-25m and ml-32m: CSV files with a header."""

from __future__ import annotations

import polars as pl

from core import columns as c
from core.errors import DatasetError
from datasets import layout
from datasets.archive import Archive
from datasets.dataset import require_columns
from datasets.layout import Layout, Tables

COLUMNS = {
    "ratings.csv": ("userId", "movieId", "rating", "timestamp"),
    "movies.csv": ("movieId", "title", "genres"),
    "links.csv": ("movieId", "imdbId", "tmdbId"),
    "tags.csv": ("userId", "movieId", "tag", "timestamp"),
}
# Numbers are parsed while the file is read, because 32 million ratings as text would not fit into memory as well.
_NUMBERS = {"userId": pl.Int64, "movieId": pl.Int64, "rating": pl.Float64, "timestamp": pl.Float64, "tmdbId": pl.Int64}


def read(archive: Archive) -> Tables:
    """Raises DatasetError for a file that is not a CSV or lacks a column, and for links or tags of unknown films."""
    frames = {name: _read_csv(archive, name) for name in COLUMNS}
    movies = frames["movies.csv"]
    for name in ("links.csv", "tags.csv"):
        unknown = frames[name].join(movies, on="movieId", how="anti")
        if len(unknown):
            raise DatasetError(f"{archive.path.name}: {name} names {len(unknown)} films that movies.csv does not have")
    links = frames["links.csv"].select(pl.col("movieId").alias(c.ITEM), pl.col("tmdbId").alias(c.TMDB_ID)).unique(c.ITEM)
    items = layout.films(movies.rename({"movieId": c.ITEM})).join(links, on=c.ITEM, how="left", maintain_order="left")
    return Tables(
        interactions=layout.ratings(frames["ratings.csv"], "userId", "movieId", "rating", "timestamp"),
        items=items,
        tags=layout.tags(frames["tags.csv"].rename({"userId": c.USER, "movieId": c.ITEM, "timestamp": c.TS})),
    )


def _read_csv(archive: Archive, name: str) -> pl.DataFrame:
    try:
        frame = pl.read_csv(archive.read(name), infer_schema=False, schema_overrides=_NUMBERS, ignore_errors=True)
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{name} is not a readable CSV: {error}") from error
    require_columns(name, frame.columns, COLUMNS[name])
    return frame.select(COLUMNS[name])


LAYOUT = Layout(tuple(COLUMNS), read)
