"""Columns of ids -> columns of keys (`core.ids`): once per distinct id, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import polars as pl

from core import columns as c
from core.ids import MAX_INTEGER, ExternalId, original, parse_id, user_key


def users(raw: pl.Series) -> pl.DataFrame:
    """The keys of users [n], null where there is not an id, and what has to be kept of the ids beside them."""
    raw = _integers(raw)
    if raw.dtype.is_integer():
        return pl.DataFrame([_whole(raw, c.USER), pl.Series(c.EXTERNAL_USER, [None] * len(raw), dtype=pl.String)])
    ids = _parsed(raw)
    kept = {text: original(id_) or None for text, id_ in ids.items()}
    text = _text(raw)
    return pl.DataFrame(
        [
            _mapped(text, ids, user_key, c.USER),
            text.replace_strict(list(kept), list(kept.values()), default=None, return_dtype=pl.String).alias(c.EXTERNAL_USER),
        ]
    )


def items(raw: pl.Series, keys: Mapping[str, int]) -> pl.Series:
    """The keys of items [n]; null where there is not an id, or one that `keys` (id -> key) does not have."""
    raw = _integers(raw)
    if raw.dtype.is_integer():
        return _whole(raw, c.ITEM)
    return _mapped(_text(raw), _parsed(raw), lambda id_: id_ if isinstance(id_, int) else keys.get(id_), c.ITEM)


def distinct(raw: pl.Series) -> list[ExternalId]:
    """The distinct ids of a column, in order of appearance."""
    raw = _integers(raw)
    return [] if raw.dtype.is_integer() else list(dict.fromkeys(_parsed(raw).values()))


def are_ids(raw: pl.Series) -> pl.Series:
    """Which texts are ids at all, of whatever kind. [n]"""
    raw = _integers(raw)
    if raw.dtype.is_integer():
        return _whole(raw, c.ITEM).is_not_null()
    return _text(raw).is_in(pl.Series(list(_parsed(raw)), dtype=pl.String).implode()).fill_null(False)


def _integers(raw: pl.Series) -> pl.Series:
    """A column of texts that are all whole numbers as integers: the same ids, without a look at each."""
    if raw.dtype != pl.String or not raw.str.contains(r"^[1-9][0-9]{0,15}$").fill_null(True).all():
        return raw
    whole = raw.cast(pl.Int64)
    return raw if (whole > MAX_INTEGER).any() else whole


def _whole(raw: pl.Series, name: str) -> pl.Series:
    keys = raw.cast(pl.Int64, strict=False)
    return keys.set(~keys.is_between(1, MAX_INTEGER), None).alias(name)


def _text(raw: pl.Series) -> pl.Series:
    return raw.cast(pl.String).str.strip_chars()


def _parsed(raw: pl.Series) -> dict[str, ExternalId]:
    """Text -> id, for the texts that are ids."""
    found: dict[str, ExternalId] = {}
    for text in _text(raw).drop_nulls().unique(maintain_order=True):
        with suppress(ValueError):
            found[text] = parse_id(text)
    return found


def _mapped(text: pl.Series, ids: Mapping[str, ExternalId], key: Callable[[ExternalId], int | None], name: str) -> pl.Series:
    keys = {one: key(id_) for one, id_ in ids.items()}
    return text.replace_strict(list(keys), list(keys.values()), default=None, return_dtype=pl.Int64).alias(name)
