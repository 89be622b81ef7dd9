"""The items table: its columns, and the content that may be added without leaking information from the future."""

from __future__ import annotations

import polars as pl

from core import columns as c

# What an item is like, beyond title, genres and year. Each may be null: most catalogues know little.
CONTENT_SCHEMA = pl.Schema(
    [
        (c.OVERVIEW, pl.String),
        (c.TAGS, pl.List(pl.String)),  # given by users before a cut-off; see `with_tags`
        (c.PEOPLE, pl.List(pl.String)),  # cast and directors
        (c.KEYWORDS, pl.List(pl.String)),
        (c.POSTER, pl.String),  # a path
        (c.LANGUAGE, pl.String),
        (c.TMDB_ID, pl.Int64),
    ]
)
# What decides whether, to whom and at what cost an item may be shown. Each may be null: nobody said so.
BUSINESS_SCHEMA = pl.Schema(
    [
        (c.MATURITY, pl.Int32),
        (c.AVAILABLE_FROM, pl.Float64),
        (c.AVAILABLE_UNTIL, pl.Float64),
        (c.SERIES, pl.String),
        (c.COST, pl.Float64),
        (c.RUNTIME, pl.Int32),
    ]
)
ITEM_SCHEMA = pl.Schema(
    [
        (c.ITEM, pl.Int64),
        (c.TITLE, pl.String),
        (c.GENRES, pl.List(pl.String)),
        (c.YEAR, pl.Int32),
        *CONTENT_SCHEMA.items(),
        *BUSINESS_SCHEMA.items(),
        (c.HIDDEN, pl.Boolean),  # null if it was never set
        (c.ABSENT, pl.Boolean),  # null as long as no whole catalogue lacked it
    ]
)
TAG_SCHEMA = pl.Schema([(c.USER, pl.Int64), (c.ITEM, pl.Int64), (c.TAG, pl.String), (c.TS, pl.Float64)])
PROFILE_SCHEMA = pl.Schema([(c.USER, pl.Int64), (c.PROFILE, pl.List(pl.String))])  # static attributes as tokens: "age:25"
DETAILS = (c.OVERVIEW, c.PEOPLE, c.KEYWORDS, c.POSTER, c.LANGUAGE)
COVERED = (c.GENRES, c.YEAR, c.TAGS, *DETAILS)


def complete(items: pl.DataFrame) -> pl.DataFrame:
    """The columns of `ITEM_SCHEMA` in order and type; one that is not in the frame is null. Other columns are dropped."""
    return items.select(
        (pl.col(name) if name in items.columns else pl.lit(None)).cast(dtype).alias(name) for name, dtype in ITEM_SCHEMA.items()
    )


def with_tags(items: pl.DataFrame, tags: pl.DataFrame, before: float) -> pl.DataFrame:
    """Items with the tags given before `before` (Unix seconds), in place of the tags they have.

    `tags` has the columns of `TAG_SCHEMA`. Tags are compared in lower case; an item has each once, in alphabetical order.
    A tag given at the cut-off or later changes nothing: it may be an answer to what is to be predicted.
    """
    known = tags.lazy().filter(pl.col(c.TS) < before).select(c.ITEM, pl.col(c.TAG).str.strip_chars().str.to_lowercase())
    given = known.filter(pl.col(c.TAG) != "").unique().sort(c.ITEM, c.TAG).group_by(c.ITEM).agg(c.TAG)
    joined = items.lazy().join(given.rename({c.TAG: "given"}), on=c.ITEM, how="left", maintain_order="left")
    return joined.with_columns(pl.col("given").alias(c.TAGS)).drop("given").collect()


def with_details(items: pl.DataFrame, details: pl.DataFrame) -> pl.DataFrame:
    """Items with the details for their `tmdb_id`; a value that `details` does not have stays as it was.

    `details` has tmdb_id and any of `DETAILS`. There is no popularity and no vote among them: those are not as of a
    cut-off, so they would leak information from the future into a model.
    """
    columns = [name for name in DETAILS if name in details.columns]
    known = details.select(c.TMDB_ID, *(pl.col(name).alias(f"new {name}") for name in columns)).unique(c.TMDB_ID, keep="first")
    joined = complete(items).join(known, on=c.TMDB_ID, how="left", maintain_order="left")
    return joined.select(
        pl.coalesce(f"new {name}", name).alias(name) if name in columns else pl.col(name) for name in ITEM_SCHEMA
    )


def coverage(items: pl.DataFrame, interactions: pl.DataFrame) -> pl.DataFrame:
    """How much is known: `field`, and the share of `items` and of `interactions` that have it."""
    known = complete(items).select(c.ITEM, *(_is_known(name, dtype) for name, dtype in ITEM_SCHEMA.items() if name in COVERED))
    seen = interactions.select(c.ITEM).join(known, on=c.ITEM, how="left")
    shares = [frame.select(pl.col(COVERED).fill_null(False).mean()).row(0) for frame in (known, seen)]
    return pl.DataFrame([COVERED, *shares], schema=["field", "items", "interactions"])


def _is_known(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.List):
        return column.list.len() > 0
    return column != "" if dtype == pl.String else column.is_not_null()
