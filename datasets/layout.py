"""The tables that every layout of MovieLens is read into, and the description of a layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from core import columns as c
from core.errors import DatasetError
from core.items import TAG_SCHEMA
from core.kinds import Kind
from datasets.archive import Archive

YEAR_IN_TITLE = r"\((\d{4})\)\s*$"
_AGES = (1, 18, 25, 35, 45, 50, 56)
NO_GENRES = ("(no genres listed)", "unknown", "")


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a data set before validation."""

    interactions: pl.DataFrame  # user_id, item_id, kind, value, ts
    items: pl.DataFrame  # item_id, title, genres, year [, tmdb_id]
    tags: pl.DataFrame = field(default_factory=TAG_SCHEMA.to_frame)
    users: pl.DataFrame | None = None  # PROFILE_SCHEMA
    has_time: bool = True


@dataclass(frozen=True)
class Layout:
    """One way in which a zip contains a data set. The first of its members identifies it."""

    members: tuple[str, ...]
    read: Callable[[Archive], Tables]


def ratings(raw: pl.DataFrame, user: str, item: str, stars: str, seconds: str) -> pl.DataFrame:
    """Interactions from numeric columns; a value that is not a number is null and will be quarantined."""
    return raw.select(
        pl.col(user).cast(pl.Int64, strict=False).alias(c.USER),
        pl.col(item).cast(pl.Int64, strict=False).alias(c.ITEM),
        pl.lit(Kind.RATING.value).alias(c.KIND),
        pl.col(stars).cast(pl.Float64, strict=False).alias(c.VALUE),
        pl.col(seconds).cast(pl.Float64, strict=False).alias(c.TS),
    )


def films(raw: pl.DataFrame) -> pl.DataFrame:
    """Items from the text columns item_id, title and genres (separated by `|`)."""
    genres = pl.col(c.GENRES).fill_null("").str.split("|")
    return raw.select(
        pl.col(c.ITEM).cast(pl.Int64, strict=False),
        pl.col(c.TITLE).fill_null("").str.strip_chars(),
        genres.list.eval(pl.element().filter(~pl.element().is_in(NO_GENRES))).alias(c.GENRES),
        pl.col(c.TITLE).str.extract(YEAR_IN_TITLE).cast(pl.Int32).alias(c.YEAR),
    )


def tags(raw: pl.DataFrame) -> pl.DataFrame:
    """Tags from the text columns user_id, item_id, tag and ts; a row that lacks one of them is dropped."""
    return raw.select(pl.col(name).cast(dtype, strict=False) for name, dtype in TAG_SCHEMA.items()).drop_nulls()


def profiles(users: pl.DataFrame) -> pl.DataFrame:
    """Static attributes of users as tokens: `gender:F`, `age:25` (the lower end of MovieLens 1M's ranges), `occupation:4`.

    `users` has the text columns user_id, gender, age and occupation. The zip code is left out: it identifies people.
    """
    age = pl.col("age").cast(pl.Int64)
    starts = pl.coalesce(*(pl.when(age >= start).then(pl.lit(start)) for start in reversed(_AGES)), pl.lit(_AGES[0]))
    tokens = [pl.format("gender:{}", "gender"), pl.format("age:{}", starts), pl.format("occupation:{}", "occupation")]
    return users.select(pl.col(c.USER).cast(pl.Int64), pl.concat_list(tokens).alias(c.PROFILE))


def table(name: str, lines: list[str], separator: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """Split lines into named text columns; the last one gets the rest of its line. Raises DatasetError."""
    rows = [line.split(separator, len(columns) - 1) for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise DatasetError(f"{name}: line {number} has {len(row)} fields, not the {len(columns)} expected: {row!r:.80}")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
