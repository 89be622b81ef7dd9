"""Converts cells of any type to equivalent text, and parses numbers and lists as people write them."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import polars as pl

BETWEEN = "\x1f"  # ends each entry of a list; in the text of a file `|` separates entries
_WHOLE_UP_TO = 2.0**53
_POINT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_COMMA = r"^[+-]?\d*,\d+$"
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+$"


def text_of(value: object) -> str | None:
    """The text of a JSON value. A list becomes its entries, each followed by `BETWEEN`; an object is a list of one JSON text."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{int(value)}.0" if value.is_integer() and abs(value) < _WHOLE_UP_TO else repr(value)
    if isinstance(value, list | tuple):
        return "".join(f"{one}{BETWEEN}" for one in map(text_of, value) if one)
    return orjson.dumps(dict(value)).decode() + BETWEEN if isinstance(value, Mapping) else str(value)


def is_readable(kind: pl.DataType) -> bool:
    """Whether `as_text` makes text of a column of this type: text, numbers, dates, times and lists of them."""
    inner = getattr(kind, "inner", None)
    if inner is not None:
        return is_readable(inner) and getattr(inner, "inner", None) is None
    return not isinstance(kind, pl.Struct) and kind not in (pl.Binary, pl.Duration, pl.Time, pl.Object)


def as_text(column: pl.Series) -> pl.Series:
    """The cells of a typed column, whose type `is_readable`, as text."""
    kind = column.dtype
    if kind == pl.Datetime:
        if getattr(kind, "time_zone", None):
            return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    if kind.is_float() or kind.is_decimal():
        number = column.cast(pl.Float64).fill_nan(None)
        whole = (number == number.floor()) & (number.abs() < _WHOLE_UP_TO)
        written = number.cast(pl.Int64, strict=False).cast(pl.String) + ".0"
        return written.zip_with(whole.fill_null(False), number.cast(pl.String)).rename(column.name)
    if isinstance(kind, pl.List | pl.Array):
        entries = column.cast(pl.List(pl.String))
        ended = entries.list.eval(pl.element().drop_nulls() + BETWEEN).list.join("")
        return ended.rename(column.name)
    return column.cast(pl.String)


def entries(column: pl.Expr) -> pl.Expr:
    """The list in a text: trimmed, distinct, non-empty entries in the file's order."""
    split = (
        pl.when(column.str.contains(BETWEEN, literal=True)).then(column.str.split(BETWEEN)).otherwise(column.str.split("|"))
    ).fill_null([])
    trimmed = split.list.eval(pl.element().str.strip_chars())
    return trimmed.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)


def comma_numbers(column: pl.Series) -> tuple[int, int, int]:
    """How many texts have a decimal point, how many a decimal comma, and how many could be thousands (`1,234`)."""
    point, comma, thousands = (column.str.contains(pattern) for pattern in (r"^[+-]?\d*\.\d+$", _COMMA, _THOUSANDS))
    return int(point.sum()), int((comma & ~thousands).sum()), int(thousands.sum())


def numbers(column: pl.Series, decimal_comma: bool) -> pl.Series:
    """Numbers, null for a text that is not a number, such as `4 stars`, `nan` and `1e999`."""
    text = column.str.replace(",", ".", literal=True) if decimal_comma else column
    number = text.set(~text.str.contains(_POINT), None).cast(pl.Float64, strict=False)
    return number.set(number.is_infinite(), None)
