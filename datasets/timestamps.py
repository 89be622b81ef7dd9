"""Parses times as people write them. One column has one format, decided from all rows; if ambiguous, a flag is required."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import polars as pl

from core.errors import DatasetError, InvalidInput
from core.events import EARLIEST_SECONDS

_CLOCK = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$"
_NUMBER = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"
_YEAR_FIRST = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK
_YEAR_LAST = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _CLOCK
_DAY = r"^(?:19|20|21|99)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"  # 20200913
_SECOND = _DAY[:-1] + r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d$"  # 20200913212011
# Unix times in each unit, by magnitude: until the year 5138 the ranges of the units do not overlap.
UNITS = {"unix": 1.0, "unix-ms": 1e3, "unix-us": 1e6, "unix-ns": 1e9}
_UP_TO = {"unix": 1e11, "unix-ms": 1e14, "unix-us": 1e17, "unix-ns": 1e20}
DESCRIPTIONS = {
    "unix": "Unix seconds",
    "unix-ms": "Unix milliseconds",
    "unix-us": "Unix microseconds",
    "unix-ns": "Unix nanoseconds",
    "day": "dates as digits, YYYYMMDD",
    "second": "times as digits, YYYYMMDDHHMMSS",
    "ymd": "dates or times that begin with the year (ISO 8601)",
    "dmy": "dates or times that begin with the day",
    "mdy": "dates or times that begin with the month",
}
FORMATS = ", ".join((*DESCRIPTIONS, "or a pattern like %d.%m.%y %H:%M"))
_SOME_ROWS = 3


@dataclass(frozen=True)
class TimeFormat:
    """How a column is read: a key of `DESCRIPTIONS`, or a pattern of strptime."""

    name: str
    zoned: bool = False  # whether any text names its time zone
    surveyed: bool = False  # whether it was inferred from the rows

    def __str__(self) -> str:
        return self.short + (
            "" if self.name.startswith("unix") or self.zoned else "; they name no time zone and are taken as UTC"
        )

    @property
    def short(self) -> str:
        return DESCRIPTIONS.get(self.name, f"times like {self.name}")

    def read(self, text: pl.Series) -> pl.Series:
        """Unix seconds [n], null where the text has another format or is not a valid time."""
        if self.name in DESCRIPTIONS:
            text = _plain(text)
        if self.name in UNITS:
            number = text.set(~text.str.contains(_NUMBER), None).cast(pl.Float64, strict=False)
            if self.surveyed:
                number = number.set(_shapes(text) != self.name, None)
            return number / UNITS[self.name]
        if self.name in ("day", "second"):
            fits = text.str.contains(_DAY if self.name == "day" else _SECOND)
            pattern = "%Y%m%d" if self.name == "day" else "%Y%m%d%H%M%S"
            return _seconds(text.set(~fits, None), pattern)
        if self.name in ("ymd", "dmy", "mdy"):
            return _parts(text, self.name)
        return _seconds(text, self.name)


def given(name: str) -> TimeFormat:
    """The format that the user specified. Raises InvalidInput."""
    if name not in DESCRIPTIONS and "%" not in name:
        raise InvalidInput("--ts-format", name, FORMATS)
    return TimeFormat(name)


class TimeSurvey:
    """Examines every row of a column of times and infers its format."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._counts: Counter[str] = Counter()
        self._zoned = False
        self._day_first: list[str] = []  # texts whose first number cannot be a month
        self._month_first: list[str] = []
        self._examples: dict[str, str] = {}
        self._range = (float("inf"), float("-inf"))  # of numbers that may be Unix seconds

    def add(self, text: pl.Series) -> None:
        """Add rows."""
        text = _plain(text)
        found = pl.DataFrame({"text": text, "shape": _shapes(text)}).filter(pl.col("text").is_not_null())
        for shape, count, example in found.group_by("shape").agg(pl.len(), pl.col("text").first().alias("e")).iter_rows():
            self._counts[shape] += count
            self._examples.setdefault(shape, example)
        seconds = found.filter(pl.col("shape") == "unix")["text"].cast(pl.Float64, strict=False)
        if len(seconds):
            self._range = min(self._range[0], float(seconds.min())), max(self._range[1], float(seconds.max()))  # type: ignore[arg-type]
        dated = found.filter(pl.col("shape").is_in(["ymd", "year last"]))["text"]
        self._zoned = self._zoned or bool(dated.str.contains(r":\d{2}.*(Z|UTC|[+-]\d{2}:?\d{2})$").any())
        last = found.filter(pl.col("shape") == "year last")["text"]
        if len(last):
            for at, kept in ((1, self._day_first), (2, self._month_first)):
                beyond = last.filter(last.str.extract(_YEAR_LAST, at).cast(pl.Int64) > 12)
                kept.extend(beyond.head(_SOME_ROWS - len(kept)).to_list())

    def conclude(self, day_first: bool | None) -> TimeFormat:
        """The format of most rows; the others will be quarantined. Raises DatasetError that names the deciding flag."""
        known = {shape: count for shape, count in self._counts.items() if shape != "other"}
        if not known:
            raise DatasetError(
                f"no time in column {self._column!r} can be read, for example {self._examples.get('other', '')!r}; "
                f"describe them with --ts-format: {FORMATS}"
            )
        shape = max(known, key=lambda one: (known[one], one in ("day", "second"), one))
        if shape == "year last":
            shape = self._order(day_first)
        if shape == "unix" and self._range[1] < EARLIEST_SECONDS:
            low, high = self._range
            raise DatasetError(
                f"the numbers in column {self._column!r} go from {low:.15g} to {high:.15g}: Unix seconds before 1990, so "
                "hardly times; if they are positions of events in an order (0, 1, 2, ...), use --ts position, "
                "and if they are times all the same, --ts-format unix"
            )
        return TimeFormat(shape, self._zoned, surveyed=True)

    def _order(self, day_first: bool | None) -> str:
        """Day or month first. The user's setting takes precedence over the rows."""
        if day_first is not None:
            return "dmy" if day_first else "mdy"
        if bool(self._day_first) == bool(self._month_first):
            why = (
                f"{self._day_first[0]!r} begins with the day, {self._month_first[0]!r} with the month"
                if self._day_first
                else f"{self._examples['year last']!r} may begin with the day or with the month, and no row tells"
            )
            raise DatasetError(f"the dates in column {self._column!r} are ambiguous: {why}; use --dayfirst or --monthfirst")
        return "dmy" if self._day_first else "mdy"


def _plain(text: pl.Series) -> pl.Series:
    """Whole numbers without the decimal point that a column with a gap gives them: `20200913.0`."""
    return text.str.replace(r"^([+-]?\d+)\.0+$", "$1")


def _shapes(text: pl.Series) -> pl.Series:
    """The format that each text appears to have: a key of `DESCRIPTIONS`, `year last` or `other`."""
    column = pl.col("text")
    number = column.str.contains(_NUMBER)
    size = pl.when(number).then(column).cast(pl.Float64, strict=False).abs()
    by_size = pl.coalesce(*(pl.when(size < limit).then(pl.lit(name)) for name, limit in _UP_TO.items()), pl.lit("other"))
    shape = (
        pl.when(number & column.str.contains(_DAY))
        .then(pl.lit("day"))
        .when(number & column.str.contains(_SECOND))
        .then(pl.lit("second"))
        .when(number)
        .then(by_size)
        .when(column.str.contains(_YEAR_FIRST))
        .then(pl.lit("ymd"))
        .when(column.str.contains(_YEAR_LAST))
        .then(pl.lit("year last"))
        .otherwise(pl.lit("other"))
    )
    return pl.DataFrame({"text": text}).select(shape.alias("shape"))["shape"]


def _parts(text: pl.Series, order: str) -> pl.Series:
    """Parses texts of three numbers in this order with an optional time of day and zone."""
    pattern = _YEAR_FIRST if order == "ymd" else _YEAR_LAST
    names = [*{"ymd": ("y", "m", "d"), "dmy": ("d", "m", "y"), "mdy": ("m", "d", "y")}[order], "hour", "minute", "second"]
    groups = pl.col("text").str.extract_groups(pattern).struct.rename_fields([*names, "fraction", "zone"])
    parts = pl.DataFrame({"text": text}).select(groups.alias("p")).unnest("p")
    two = {name: pl.col(name).fill_null("0").str.zfill(2) for name in ("m", "d", "hour", "minute", "second")}
    moment = pl.concat_str(
        pl.col("y"), pl.lit("-"), two["m"], pl.lit("-"), two["d"], pl.lit(" "), two["hour"], pl.lit(":"), two["minute"],
        pl.lit(":"), two["second"],
    )  # fmt: skip
    zone = pl.col("zone").str.replace(":", "", literal=True)
    offset = zone.str.slice(1, 2).cast(pl.Int64, strict=False) * 3600 + zone.str.slice(3, 2).cast(pl.Int64, strict=False) * 60
    east = pl.when(zone.str.starts_with("-")).then(-offset).otherwise(offset).fill_null(0)
    seconds = moment.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False).dt.epoch("us") / 1e6
    fraction = (pl.lit("0.") + pl.col("fraction")).cast(pl.Float64, strict=False).fill_null(0.0)
    return parts.select((seconds + fraction - east).alias("ts"))["ts"]


def _seconds(text: pl.Series, pattern: str) -> pl.Series:
    """By strptime; a pattern without a time of day means midnight. Raises InvalidInput for an invalid pattern."""
    if not any(part in pattern for part in ("%H", "%I", "%T", "%R", "%s", "%X", "%c", "%r")):
        text, pattern = text + " 00:00", pattern + " %H:%M"
    try:
        moments = text.str.to_datetime(pattern, strict=False, time_unit="us")
    except pl.exceptions.PolarsError as error:
        raise InvalidInput("--ts-format", pattern, FORMATS) from error
    return moments.dt.epoch("us") / 1e6
