"""Your own data: two CSV or Parquet files and a mapping from their columns to Marquee's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from core import columns as c
from core.errors import DatasetError
from core.ids import assign_keys
from core.items import ITEM_SCHEMA, complete
from core.kinds import Kind
from datasets import keys
from datasets.dataset import Dataset, check_items, require_columns, validate
from datasets.layout import YEAR_IN_TITLE

INTERACTION_FIELDS = (c.USER, c.ITEM, c.TS)  # kind and value are optional
ITEM_FIELDS = (c.ITEM, c.TITLE)  # the other columns of core.items.ITEM_SCHEMA but `hidden` are optional
OPTIONAL = (c.KIND, c.VALUE, *(name for name in ITEM_SCHEMA if name not in (*ITEM_FIELDS, c.HIDDEN)))
MILLISECONDS_FROM = 1e11  # a Unix time above it (year 5138) can only be milliseconds


def read_tables(
    interactions: Path,
    items: Path,
    mapping: Mapping[str, str] | None = None,
    max_bad_share: float = 0.05,
    item_keys: Mapping[str, int] | None = None,
) -> Dataset:
    """Read and check two tables. `mapping` is Marquee's column name -> the file's, for the names that differ.

    `ts` may be Unix seconds, Unix milliseconds or ISO 8601; `genres`, `tags`, `people` and `keywords` are lists or
    separated by `|`; without `kind` a row with a value is a rating and one without is a view. Ids are any text: `item_keys` are
    the keys that items have already (id -> key), and new ones follow. Raises DatasetError.
    """
    names = _checked(mapping)
    events = _renamed(interactions, names, INTERACTION_FIELDS)
    films, keys = _keyed(_renamed(items, names, ITEM_FIELDS), item_keys or {})
    dataset = validate(interactions.stem, _interactions(events, keys), _items(films), max_bad_share)
    return replace(dataset, item_ids=keys)


def read_items(
    path: Path, mapping: Mapping[str, str] | None = None, item_keys: Mapping[str, int] | None = None
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """Films alone, with every column of `core.items.ITEM_SCHEMA`, by ascending key, and the keys of ids; the file is as in
    `read_tables`.

    Raises DatasetError.
    """
    films, keys = _keyed(_renamed(path, _checked(mapping), ITEM_FIELDS), item_keys or {})
    films = _items(films)
    check_items(path.name, films)
    return complete(films).sort(c.ITEM), keys


def _keyed(films: pl.DataFrame, known: Mapping[str, int]) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """Films with keys in the place of ids, and the keys of ids that are no whole numbers, known ones and new ones."""
    assigned = assign_keys(keys.distinct(films[c.ITEM]), known)
    return films.with_columns(keys.items(films[c.ITEM], assigned)), assigned


def _checked(mapping: Mapping[str, str] | None) -> dict[str, str]:
    names = dict(mapping or {})
    unknown = set(names) - {*INTERACTION_FIELDS, *ITEM_FIELDS, *OPTIONAL}
    if unknown:
        allowed = ", ".join(dict.fromkeys((*INTERACTION_FIELDS, *ITEM_FIELDS, *OPTIONAL)))
        raise DatasetError(f"the mapping names {', '.join(sorted(unknown))}; Marquee's columns are {allowed}")
    return names


def _renamed(path: Path, names: Mapping[str, str], needed: tuple[str, ...]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=0)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    ours = (*needed, *OPTIONAL)
    wanted = {name: name for name in ours if name not in names} | {names[name]: name for name in ours if name in names}
    require_columns(path.name, frame.columns, [names.get(name, name) for name in needed])
    return frame.select(pl.col(theirs).alias(name) for theirs, name in wanted.items() if theirs in frame.columns)


def _interactions(frame: pl.DataFrame, item_keys: Mapping[str, int]) -> pl.DataFrame:
    value = pl.col(c.VALUE).cast(pl.Float64, strict=False) if c.VALUE in frame.columns else pl.lit(None, dtype=pl.Float64)
    guessed = pl.when(value.is_not_null()).then(pl.lit(Kind.RATING.value)).otherwise(pl.lit(Kind.VIEW.value))
    return frame.select(
        *keys.users(frame[c.USER]),
        keys.items(frame[c.ITEM], item_keys),
        (pl.col(c.KIND).cast(pl.String) if c.KIND in frame.columns else guessed).alias(c.KIND),
        value.alias(c.VALUE),
        _seconds(frame[c.TS]).alias(c.TS),
    )


def _seconds(ts: pl.Series) -> pl.Series:
    if ts.dtype.is_temporal():
        return ts.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
    number = ts.cast(pl.Float64, strict=False)
    if ts.dtype == pl.String and number.null_count() > ts.null_count():
        iso = ts.str.to_datetime(time_zone="UTC", strict=False).dt.epoch("us") / 1e6
        number = number.zip_with(number.is_not_null(), iso)
    return number.zip_with((number < MILLISECONDS_FROM).fill_null(True), number / 1e3)


def _items(frame: pl.DataFrame) -> pl.DataFrame:
    year = pl.col(c.YEAR) if c.YEAR in frame.columns else pl.col(c.TITLE).str.extract(YEAR_IN_TITLE)
    lists = [name for name, dtype in ITEM_SCHEMA.items() if isinstance(dtype, pl.List) and name in frame.columns]
    if c.GENRES not in frame.columns:
        frame, lists = frame.with_columns(pl.lit("").alias(c.GENRES)), [*lists, c.GENRES]
    return frame.with_columns(
        pl.col(c.TITLE).cast(pl.String).fill_null(""),
        year.cast(pl.Int32, strict=False).alias(c.YEAR),
        *(_list(frame.schema[name], name) for name in lists),
    )


def _list(dtype: pl.DataType, name: str) -> pl.Expr:
    """Each entry once, in the file's order, and no empty one."""
    column = pl.col(name) if isinstance(dtype, pl.List) else pl.col(name).cast(pl.String).str.split("|")
    entries = column.cast(pl.List(pl.String)).fill_null([])
    return entries.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)
