"""ml-100k: u.data is separated by tabs, u.item and u.user by `|`, and genres are nineteen flags."""

from __future__ import annotations

import polars as pl

from core import columns as c
from datasets import layout
from datasets.archive import Archive
from datasets.layout import Layout, Tables

_BEFORE_FLAGS = (c.ITEM, c.TITLE, "released", "video", "url")


def read(archive: Archive) -> Tables:
    """Raises DatasetError for a line with too few fields."""
    rated = layout.table("u.data", archive.lines("u.data"), "\t", (c.USER, c.ITEM, c.VALUE, c.TS))
    people = layout.table("u.user", archive.lines("u.user"), "|", (c.USER, "age", "gender", "occupation", "zip"))
    return Tables(layout.ratings(rated, c.USER, c.ITEM, c.VALUE, c.TS), _movies(archive), users=layout.profiles(people))


def _movies(archive: Archive) -> pl.DataFrame:
    names = layout.table("u.genre", [line for line in archive.lines("u.genre") if line != "|"], "|", ("name", "number"))["name"]
    raw = layout.table("u.item", archive.lines("u.item"), "|", (*_BEFORE_FLAGS, *names))
    has = pl.concat_list(pl.when(pl.col(name) == "1").then(pl.lit(name)) for name in names).list.drop_nulls()
    return layout.films(raw.select(c.ITEM, c.TITLE, has.list.join("|").alias(c.GENRES)))


LAYOUT = Layout(("u.data", "u.item", "u.user", "u.genre"), read)
