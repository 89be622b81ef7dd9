"""The batch engine of one machine: the fold of `feature_repo.transforms` as set operations on columns (Polars).

`tests/unit/feature_repo/test_engines.py` compares it with the fold on random histories: every feature agrees to the last bit
except `genre_weights`, whose sums may differ by `GENRE_TOLERANCE`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from core import columns as c
from core.features import HISTORY_LENGTH, Profiles
from core.kinds import CONSUMING, KIND_CODE, STARRED
from core.ordering import tie_hash
from feature_repo.signals import DEFAULT_SIGNALS, Signals
from feature_repo.table import SCHEMA

Genres = Mapping[int, Sequence[str]]
_CODE, _HASH, _SHARE, _GENRE = "code", "hash", "share", "genre"


def batch_features(
    interactions: pl.DataFrame, genres: Genres, signals: Signals = DEFAULT_SIGNALS, profiles: Profiles | None = None
) -> pl.DataFrame:
    """A row of `feature_repo.table.SCHEMA` per user of a lake table of interactions, by ascending user id, and a row
    per user who has only one of the `profiles`. `genres` are those of each item."""
    ordered = _ordered(interactions)
    users = _per_user(ordered).join(_tastes(ordered, genres, signals), on=c.USER, how="left")
    known = pl.DataFrame(
        {c.USER: list(profiles or {}), "profile": [list(tokens) for tokens in (profiles or {}).values()]},
        schema={c.USER: pl.Int64, "profile": pl.List(pl.String)},
    )
    return users.join(known, on=c.USER, how="full", coalesce=True).select(_filled(name) for name in SCHEMA).sort(c.USER)


def _ordered(interactions: pl.DataFrame) -> pl.DataFrame:
    """By user, and each user's events as a history holds them: by time, then tie hash, then kind and value."""
    hashes = tie_hash(interactions[c.USER].to_numpy(), interactions[c.ITEM].to_numpy())
    return interactions.with_columns(
        pl.Series(_HASH, hashes, dtype=pl.UInt64),
        pl.col(c.KIND).replace_strict(KIND_CODE, return_dtype=pl.Int64).alias(_CODE),
        pl.col(c.VALUE).cast(pl.Float64),
    ).sort(c.USER, c.TS, _HASH, _CODE, pl.col(c.VALUE).fill_null(0).cast(pl.Float32))


def _per_user(ordered: pl.DataFrame) -> pl.DataFrame:
    starred = pl.col(c.VALUE).filter(pl.col(c.KIND).is_in(STARRED) & pl.col(c.VALUE).is_not_null())
    return ordered.group_by(c.USER, maintain_order=True).agg(
        pl.col(c.ITEM).tail(HISTORY_LENGTH).alias("item_ids"),
        pl.col(_CODE).tail(HISTORY_LENGTH).alias("kinds"),
        pl.col(c.VALUE).fill_null(0).cast(pl.Float32).tail(HISTORY_LENGTH).alias("values"),
        pl.col(c.TS).tail(HISTORY_LENGTH).alias("times"),
        pl.len().cast(pl.Int64).alias("n_events"),
        starred.len().cast(pl.Int64).alias("rating_count"),
        starred.sum().alias("rating_sum"),
        pl.max_horizontal(pl.col(c.TS).max(), 0.0).alias("last_seen"),
        pl.col(c.ITEM).filter(pl.col(c.KIND).is_in(CONSUMING)).unique().sort().alias("consumed"),
        pl.max_horizontal(pl.col(c.OFFSET).max(), -1).cast(pl.Int64).alias("applied_offset"),
    )


def _tastes(ordered: pl.DataFrame, genres: Genres, signals: Signals) -> pl.DataFrame:
    """`genres` and `genre_weights` of each user who has any."""
    named = pl.DataFrame(
        {c.ITEM: list(genres), _GENRE: [list(names) for names in genres.values()]},
        schema={c.ITEM: pl.Int64, _GENRE: pl.List(pl.String)},
    ).filter(pl.col(_GENRE).list.len() > 0)
    age = (pl.col(c.TS).max().over(c.USER) - pl.col(c.TS)) / signals.weights.half_life
    aged = ordered.select(c.USER, c.ITEM, c.KIND, half_lives=age).join(named, on=c.ITEM)
    share = signals.expression() / pl.col(_GENRE).list.len() * (pl.col("half_lives") * -math.log(2)).exp()
    weighed = aged.filter(signals.expression() > 0).with_columns(share.alias(_SHARE))
    return (
        weighed.select(c.USER, _GENRE, _SHARE)
        .explode(_GENRE)
        .group_by(c.USER, _GENRE)
        .agg(pl.col(_SHARE).sum().cast(pl.Float32))
        .sort(c.USER, _GENRE)
        .group_by(c.USER, maintain_order=True)
        .agg(pl.col(_GENRE).alias("genres"), pl.col(_SHARE).alias("genre_weights"))
    )


def _filled(name: str) -> pl.Expr:
    """The column, with a default for users who have no events, no tastes or no profile."""
    kind = SCHEMA[name]
    empty: object = [] if isinstance(kind, pl.List) else -1 if name == "applied_offset" else 0
    return pl.col(name).cast(kind).fill_null(pl.lit(empty, dtype=kind))
