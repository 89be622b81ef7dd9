"""MovieLens 1M as the sequences of the SASRec and BERT4Rec benchmark: events are ordered per user, without timestamps."""

from __future__ import annotations

import io

import polars as pl

from core import columns as c
from core.errors import DatasetError
from datasets import layout, layout_dat
from datasets.archive import Archive
from datasets.dataset import require_columns
from datasets.layout import Layout, Tables

_COLUMNS = ("user_id", "movie_id", "rating", "position")


def read(archive: Archive) -> Tables:
    """`ts` is the position in the user's sequence: it orders one user's events and is not comparable across users.

    The catalogue has only films with an interaction. The benchmark left out those with fewer than five ratings, and the
    published figures rank the 3,416 that remain; 467 more films that no user can have liked would be false candidates.
    """
    raw = archive.read("sequences.parquet")
    try:
        rows = pl.read_parquet(io.BytesIO(raw))
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"sequences.parquet cannot be read: {error}") from error
    require_columns("sequences.parquet", rows.columns, _COLUMNS)
    interactions = layout.ratings(rows, *_COLUMNS)
    return Tables(
        interactions=interactions,
        items=layout_dat.movies(archive).filter(pl.col(c.ITEM).is_in(interactions[c.ITEM].unique().implode())),
        users=layout_dat.users(archive) if "users.dat" in archive.members else None,
        has_time=False,
    )


LAYOUT = Layout(("sequences.parquet", "movies.dat"), read)
