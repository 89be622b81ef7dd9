"""User features as a table, one row per user: what the engines compute and the snapshots store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.features import USER_SCHEMA, UserFeatures

_TYPES = {"int64": pl.Int64(), "float32": pl.Float32(), "float64": pl.Float64(), "string": pl.String()}


def _type(word: str) -> pl.DataType:
    scalar = _TYPES[word.removesuffix("[]")]
    return pl.List(scalar) if word.endswith("[]") else scalar


# user_id and the columns of core.features.USER_SCHEMA
SCHEMA = pl.Schema({c.USER: pl.Int64()} | {name: _type(word) for name, word in (one.split(":") for one in USER_SCHEMA)})


def to_frame(users: Iterable[UserFeatures]) -> pl.DataFrame:
    """A row per user, of `SCHEMA`."""
    kept = list(users)
    return pl.DataFrame({name: [_plain(getattr(one, name)) for one in kept] for name in SCHEMA}, schema=SCHEMA)


def to_users(frame: pl.DataFrame) -> Iterator[UserFeatures]:
    """The inverse of `to_frame`. Arrays are views of the table's own memory; do not write to them."""
    columns = {name: _cells(frame[name]) for name in SCHEMA}
    for values in zip(*columns.values(), strict=True):
        yield UserFeatures(**dict(zip(columns, values, strict=True)))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _cells(column: pl.Series) -> Iterator[Any]:
    """A column's values as `UserFeatures` holds them: numbers, arrays, tuples of words."""
    if not isinstance(column.dtype, pl.List):
        return iter(column.to_list())
    lists = column.to_arrow()
    bounds = pairwise(lists.offsets.to_pylist())
    if column.dtype.inner == pl.String:
        words = lists.values.to_pylist()
        return (tuple(words[start:end]) for start, end in bounds)
    numbers: NDArray[Any] = lists.values.to_numpy(zero_copy_only=False)
    return (numbers[start:end] for start, end in bounds)
