"""ml-1m and ml-10m: fields are separated by `::`, and there is no header."""

from __future__ import annotations

import polars as pl

from core import columns as c
from core.errors import DatasetError
from core.items import TAG_SCHEMA
from datasets import layout
from datasets.archive import Archive
from datasets.layout import Layout, Tables

_TAG = r"^(\d+)::(\d+)::(.*)::(\d+)$"


def read(archive: Archive) -> Tables:
    """Also reads users.dat (ml-1m) and tags.dat (ml-10m) if they exist. Raises DatasetError."""
    return Tables(
        interactions=_ratings(archive),
        items=movies(archive),
        tags=_tags(archive) if "tags.dat" in archive.members else TAG_SCHEMA.to_frame(),
        users=users(archive) if "users.dat" in archive.members else None,
    )


def movies(archive: Archive) -> pl.DataFrame:
    rows = layout.table("movies.dat", archive.lines("movies.dat"), "::", (c.ITEM, c.TITLE, c.GENRES))
    return layout.films(rows)


def users(archive: Archive) -> pl.DataFrame:
    return layout.profiles(
        layout.table("users.dat", archive.lines("users.dat"), "::", (c.USER, "gender", "age", "occupation", "zip"))
    )


def _ratings(archive: Archive) -> pl.DataFrame:
    # read_csv supports only one-byte separators; with ":" every second column is the empty text between two colons
    numbers = [("user", pl.Int64), ("film", pl.Int64), ("stars", pl.Float64), ("seconds", pl.Float64)]
    columns = pl.Schema([field for name, dtype in numbers for field in ((name, dtype), (f"after {name}", pl.String))][:-1])
    try:
        raw = pl.read_csv(
            archive.read("ratings.dat"), has_header=False, separator=":", quote_char=None, schema=columns, ignore_errors=True
        )
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"ratings.dat is not a readable table: {error}") from error
    return layout.ratings(raw, "user", "film", "stars", "seconds")


def _tags(archive: Archive) -> pl.DataFrame:
    # a tag may contain the separator, so the three numbers are taken from the two ends
    fields = pl.col("line").str.extract_groups(_TAG).struct.rename_fields([c.USER, c.ITEM, c.TAG, c.TS])
    return layout.tags(pl.DataFrame({"line": archive.lines("tags.dat")}).select(fields.struct.unnest()))


LAYOUT = Layout(("ratings.dat", "movies.dat"), read)
