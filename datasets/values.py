"""Interprets a column of values, and converts its numbers to events of a kind whose contract they satisfy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from core import columns as c
from core.errors import DatasetError, InvalidInput
from core.kinds import KINDS, MINUTES, STARRED, STARS, Kind
from datasets.texts import comma_numbers, numbers

ALLOWED = "stars, scale:LOW-HIGH (for example scale:1-10), count, minutes or none"
_SCALE = re.compile(r"scale:(-?\d+(?:\.\d+)?)-(-?\d+(?:\.\d+)?)")
_NAMED = (  # meanings by column name
    ("count", ("count", "plays", "playcount", "times", "quantity", "qty", "clicks", "views", "listens", "units", "n")),
    ("minutes", ("minute", "minutes", "duration", "watchtime", "runtime")),
    ("none", ("price", "amount", "revenue", "cost", "seconds", "discount", "total")),
)
_RATED = ("rating", "ratings", "score", "stars", "grade", "vote", "value")
_SCALES = ((1, 10), (0, 10), (0, 5), (1, 100), (0, 100))


@dataclass(frozen=True)
class ValueMeaning:
    """The meaning of values. `low` and `high` are the limits of a scale."""

    name: str  # stars, scale, count, minutes or none
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def parse(cls, text: str) -> ValueMeaning:
        """From `--value`. Raises InvalidInput."""
        if text in ("stars", "count", "minutes", "none"):
            return cls(text)
        found = _SCALE.fullmatch(text)
        if not found or not float(found[1]) < float(found[2]):
            raise InvalidInput("--value", text, ALLOWED)
        return cls("scale", float(found[1]), float(found[2]))

    def __str__(self) -> str:
        return f"scale:{self.low:g}-{self.high:g}" if self.name == "scale" else self.name

    def becomes(self, kind: Kind) -> str:
        """Text for users. `kind` is that of rows without a value."""
        return {
            "stars": f"a rating; a row without one is a {kind.value}",
            "scale": f"a rating, {self.low:g} to {self.high:g} mapped onto {STARS}; a row without one is a {kind.value}",
            "count": f"one {kind.value} a row, however high the count: no kind of event carries one",
            "minutes": f"a watch of so many minutes ({MINUTES}); a row without them is a {kind.value}",
            "none": f"nothing: the column is left out and each row is a {kind.value}",
        }[self.name]


@dataclass(frozen=True)
class ValueReading:
    """How values are read. `kind` is that of a row that has neither a kind nor a value that implies one."""

    meaning: ValueMeaning
    kind: Kind = Kind.VIEW
    decimal_comma: bool = False

    def read(self, text: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:
        """`kind`, `value` and `problem` (null, or why the value cannot be used) of each row [n].

        With the file's own `kinds`, values have the meaning that those kinds require; a scale applies to kinds with stars.
        """
        rows = pl.DataFrame({"text": text, "number": numbers(text, self.decimal_comma)})
        given, number = pl.col("text").is_not_null(), pl.col("number")
        rows = rows.with_columns(own=kinds if kinds is not None else pl.lit(None, dtype=pl.String))
        carries = {"stars": Kind.RATING, "scale": Kind.RATING, "minutes": Kind.WATCH}.get(self.meaning.name)
        made = (
            pl.when(given).then(pl.lit(carries.value)).otherwise(pl.lit(self.kind.value)) if carries else pl.lit(self.kind.value)
        )
        kind = pl.col("own") if kinds is not None else made
        value = number if self.meaning.name in ("stars", "scale", "minutes") else pl.lit(None, dtype=pl.Float64)
        if self.meaning.name == "scale":
            width = self.meaning.high - self.meaning.low
            mapped = (number - self.meaning.low) / width * (STARS.high - STARS.low) + STARS.low
            value = pl.when(kind.is_in(list(STARRED))).then(mapped).otherwise(number)
        read = self.meaning.name != "none"
        problem: Any = pl.when(pl.lit(read) & given & number.is_null()).then(pl.lit(f"{c.VALUE} is not a number"))
        if self.meaning.name == "count":
            problem = problem.when(given & (number <= 0)).then(pl.lit("the count is not above 0, so nothing happened"))
        if self.meaning.name == "scale":
            outside = ~number.is_between(self.meaning.low, self.meaning.high)
            problem = problem.when(kind.is_in(list(STARRED)) & outside).then(pl.lit(f"{c.VALUE} is outside {self.meaning}"))
        return rows.select(kind.alias(c.KIND), value.alias(c.VALUE), problem.otherwise(None).alias("problem"))


class ValueSurvey:
    """Examines every row of a column of values and guesses their meaning."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._points = self._commas = self._thousands = 0
        self._low, self._high, self._whole, self._halves = float("inf"), float("-inf"), True, True

    def add(self, text: pl.Series) -> None:
        """Add rows."""
        point, comma, thousands = comma_numbers(text)
        self._points, self._commas, self._thousands = self._points + point, self._commas + comma, self._thousands + thousands
        number = numbers(text, decimal_comma=bool(comma)).drop_nulls()
        if len(number):
            self._low, self._high = min(self._low, float(number.min())), max(self._high, float(number.max()))  # type: ignore[arg-type]
            self._whole = self._whole and bool((number == number.round()).all())
            self._halves = self._halves and bool((number * 2 == (number * 2).round()).all())

    def decimal_comma(self, given: str | None) -> bool:
        """Whether `4,5` is four and a half. Raises DatasetError for an ambiguous or contradictory column."""
        if given is not None:
            return given == "comma"
        if self._commas and self._points:
            why = f"{self._commas:,} have a decimal comma and {self._points:,} a decimal point"
        elif self._thousands and not self._commas:
            why = f"{self._thousands:,} are like 1,234, which may be a thousand or a little more than one"
        else:
            return self._commas > 0
        raise DatasetError(f"the numbers in column {self._column!r} are ambiguous: {why}; use --decimal comma or --decimal point")

    def guess(self) -> ValueMeaning:
        """The meaning by the name of the column, otherwise by the range of its numbers."""
        words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", self._column).lower())
        for name, known in _NAMED:
            if {*words, "".join(words)} & set(known):
                return ValueMeaning(name)
        stars = self._low >= STARS.low and self._high <= STARS.high
        if self._low > self._high or (stars and (self._halves or set(words) & set(_RATED))):
            return ValueMeaning("stars")
        rated = bool(set(words) & set(_RATED))
        for low, high in _SCALES:
            if low <= self._low and self._high <= high and (rated or high <= 5):
                return ValueMeaning("scale", low, high)
        return ValueMeaning("count" if self._whole and self._low >= 0 else "none")

    def range(self) -> str:
        return f"{self._low:g} to {self._high:g}" if self._low <= self._high else "no numbers"


def default_kind(name: str | None) -> Kind:
    """The kind given by `--kind` for rows without one; it must not need a value. Raises InvalidInput."""
    if name is None:
        return Kind.VIEW
    fitting = [kind for kind in KINDS if kind.spec.value is None or not kind.spec.value_required]
    for kind in fitting:
        if kind.value == name:
            return kind
    raise InvalidInput("--kind", name, ", ".join(kind.value for kind in fitting))
