"""A file of items, read with only the columns that it has, so that all other columns stay unchanged in the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.ids import ExternalId, assign_keys
from core.items import ITEM_SCHEMA
from datasets import keys
from datasets.id_columns import IdReading, reading_of
from datasets.layout import YEAR_IN_TITLE
from datasets.mapping import ITEM_FIELDS, ITEM_OPTIONAL, ColumnMapping, resolve
from datasets.quarantine import Quarantine
from datasets.sources import LINE, SourceFile
from datasets.texts import BETWEEN, entries, numbers
from datasets.timestamps import TimeSurvey

# a year, or a date that contains one
_YEAR = r"^(\d{4})(?:\.0+|[-/.]\d{1,2}[-/.]\d{1,2}.*)?$|^\d{1,2}[-/.]\d{1,2}[-/.](\d{4})\b.*$"
_COMPACT = r"^(\d{4})\d{4}$"
_CONTROL = r"[\p{Cc}]+"
_BOUNDS = {c.MATURITY: (0, 99), c.COST: (0, 1e9), c.RUNTIME: (1, 100_000)}
_TRUE, _FALSE = ("true", "yes", "1", "1.0"), ("false", "no", "0", "0.0")


@dataclass(frozen=True, eq=False)
class ItemFile:
    """Items by ascending key, with `item_id` and those columns of `core.items.ITEM_SCHEMA` that the file has."""

    source: SourceFile
    columns: ColumnMapping
    rows: pl.DataFrame
    ids: tuple[ExternalId, ...]  # those that need a key, if they have none yet
    keys: Mapping[str, int]
    read: int
    dates_as_years: int
    id_reading: IdReading

    def lines(self) -> Iterator[str]:
        """How each column was interpreted, as text for users."""
        yield f"{self.source.name}: {self.source.dialect}"
        for name, theirs in self.columns.theirs.items():
            how = f": of {self.dates_as_years:,} date(s) the year is taken" if name == c.YEAR and self.dates_as_years else ""
            how = str(self.id_reading) if name == c.ITEM else how
            found = " (found by its name; --map-items decides)" if name in self.columns.guessed else ""
            yield f"  {name} from column {theirs!r}{how}{found}"
        if c.TITLE not in self.columns.theirs:
            yield "  no title: a new item has its id for a title"
        if self.columns.unused:
            yield f"  not used: {', '.join(self.columns.unused)}"


def read_item_file(source: SourceFile, names: Mapping[str, str], known: Mapping[str, int], quarantine: Quarantine) -> ItemFile:
    """Read and check items; a row without a usable id, or with the id of an earlier row, goes to `quarantine`.

    `known` has the keys that ids already have. Raises DatasetError.
    """
    if not {c.ITEM, "id"}.isdisjoint(source.columns) and c.ITEM not in {*names, *source.columns}:
        names = {c.ITEM: "id", **names}
    columns = resolve(source.name, source.columns, names, ITEM_FIELDS, ITEM_OPTIONAL, "--map-items")
    source.require(columns.theirs.values())
    batches = list(source.batches(source.columns, quarantine.add_broken))
    texts = pl.concat(batches) if batches else pl.DataFrame(schema={**dict.fromkeys(source.columns, pl.String), LINE: pl.Int64})
    theirs = columns.theirs
    id_reading = reading_of(texts[theirs[c.ITEM]])
    raw = id_reading.read(texts[theirs[c.ITEM]])
    ids = keys.distinct(raw)
    assigned = assign_keys(ids, known)
    year = texts[theirs[c.YEAR]] if c.YEAR in theirs else None
    rows = pl.DataFrame(
        [texts[LINE], keys.items(raw, assigned), *(_typed(texts[theirs[name]], name) for name in ITEM_OPTIONAL if name in theirs)]
    )
    unusable = [(pl.col(c.ITEM).is_null(), c.ITEM, "item_id is missing or not an id")]
    unusable += [(~pl.col(c.ITEM).is_first_distinct(), c.ITEM, "item_id is that of an earlier row")]
    unread = [
        (pl.lit(rows[name].is_null() & texts[theirs[name]].is_not_null()), name, f"{name} {words}; the item is kept without")
        for name, words in (
            (c.YEAR, "is neither a year nor a date"),
            (c.TMDB_ID, "is not a whole number"),
            (c.HIDDEN, "is neither true nor false"),
            (c.MATURITY, "is not an age in years, 0 to 99"),
            (c.AVAILABLE_FROM, "is not a time"),
            (c.AVAILABLE_UNTIL, "is not a time"),
            (c.COST, "is not a number from 0 on"),
            (c.RUNTIME, "is not a whole number of minutes from 1 on"),
        )
        if name in theirs
    ]
    for broken, name, reason in [*unusable, *unread]:
        at = rows.select(broken.alias("at"))["at"].fill_null(False)
        quarantine.add(_quarantine_rows(source, texts.filter(at), theirs[name], reason))
    good = rows.filter(~pl.any_horizontal(broken for broken, _, _ in unusable)).drop(LINE).sort(c.ITEM)
    dates = int(((year.str.len_chars() >= 8) & rows[c.YEAR].is_not_null()).sum()) if year is not None else 0
    return ItemFile(source, columns, _year_from_title(good), tuple(ids), assigned, len(texts), dates, id_reading)


def _typed(text: pl.Series, name: str) -> pl.Series:
    """The column's cells in its type; null for a cell that cannot be converted."""
    kind, frame = ITEM_SCHEMA[name], pl.DataFrame({"text": text})
    column = pl.col("text")
    if isinstance(kind, pl.List):
        return frame.select(pl.when(column.is_not_null()).then(entries(column)).alias(name))[name]
    if name == c.YEAR:
        groups = column.str.extract_groups(_YEAR)
        year = pl.coalesce(groups.struct.field("1"), groups.struct.field("2"), column.str.extract(_COMPACT))
        found = frame.select(year.cast(kind, strict=False).alias(name))[name]
        return found.set(~found.is_between(1, 9998), None)
    if name == c.HIDDEN:
        lower = column.str.to_lowercase()
        yes_or_no = pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
        return frame.select(yes_or_no.alias(name))[name]
    if name in (c.AVAILABLE_FROM, c.AVAILABLE_UNTIL):
        return _times(text, name)
    if kind.is_integer() or kind.is_float():
        number = numbers(text, decimal_comma=False)
        number = number.set(number != number.floor(), None) if kind.is_integer() else number
        if name in _BOUNDS:
            number = number.set(~number.is_between(*_BOUNDS[name]), None)
        return number.cast(kind, strict=False).alias(name)
    listed = column.str.strip_chars_end(BETWEEN).str.replace_all(BETWEEN, ", ", literal=True)
    # a line break within a cell is layout; PATCH /items refuses control characters in a title
    return frame.select(listed.str.replace_all(_CONTROL, " ").alias(name))[name]


def _times(text: pl.Series, name: str) -> pl.Series:
    """Unix seconds. Raises DatasetError for a column whose format cannot be told."""
    if text.null_count() == len(text):
        return pl.Series(name, [None] * len(text), dtype=pl.Float64)
    survey = TimeSurvey(name)
    survey.add(text)
    return survey.conclude(day_first=None).read(text).cast(pl.Float64).alias(name)


def _year_from_title(rows: pl.DataFrame) -> pl.DataFrame:
    if c.YEAR in rows.columns or c.TITLE not in rows.columns:
        return rows
    return rows.with_columns(pl.col(c.TITLE).str.extract(YEAR_IN_TITLE).cast(pl.Int32).alias(c.YEAR))


def _quarantine_rows(source: SourceFile, texts: pl.DataFrame, column: str, reason: str) -> pl.DataFrame:
    separator = source.dialect.delimiter or ","
    written = pl.concat_str([pl.col(name).fill_null("") for name in source.columns], separator=separator)
    return texts.select(
        pl.lit(source.name).alias("file"),
        LINE,
        pl.lit(column).alias("column"),
        pl.col(column).alias("text"),
        pl.lit(reason).alias("reason"),
        written.alias("row"),
    )
