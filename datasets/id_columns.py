"""Decides over a whole column how its cells are ids: a column of integers with a gap is written as 7.0, 8.0 and nothing."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.ids import MAX_INTEGER

_WHOLE = r"^-?(0|[1-9][0-9]*)$"
_FLOAT = r"^[+-]?[0-9]+\.[0-9]*([eE][+-]?[0-9]+)?$"  # with a point: 1E5 may be the name of an article
_MISSING = ("nan", "na", "n/a", "<na>", "null", "none")  # how tools write a missing number, in lower case


@dataclass(frozen=True)
class IdReading:
    """How the cells of one column are read: as `numbers`, `7.0` is the id 7 and `nan` is a missing id; otherwise as text."""

    numbers: bool = False

    def read(self, text: pl.Series) -> pl.Series:
        """The ids as texts [n], null where there is none."""
        if not self.numbers:
            return text
        column = pl.col("text")
        whole = (
            pl.when(column.str.contains(_WHOLE))
            .then(column)
            .otherwise(_number(column).cast(pl.Int64, strict=False).cast(pl.String))
        )
        return pl.DataFrame({"text": text}).select(whole.alias(text.name)).to_series()

    def __str__(self) -> str:
        return ": whole numbers (7.0 is the id 7; NaN and NA are missing ids)" if self.numbers else ""


class IdSurvey:
    """Examines every row of a column of ids."""

    def __init__(self) -> None:
        self._all_numbers = True
        self._wholes = self._floats = self._missing = False

    def add(self, text: pl.Series) -> None:
        """Add rows: trimmed texts, null where a cell is empty."""
        if not self._all_numbers:
            return
        if text.str.contains(_WHOLE).fill_null(True).all():  # nearly always, and the rest takes time
            self._wholes = self._wholes or text.null_count() < len(text)
            return
        column = pl.col("text")
        number = _number(column)
        whole, missing = column.str.contains(_WHOLE), column.str.to_lowercase().is_in(_MISSING)
        integral = column.str.contains(_FLOAT) & (number == number.round()) & (number.abs() <= MAX_INTEGER)
        found = pl.DataFrame({"text": text}).select(
            (column.is_null() | whole | missing | integral.fill_null(False)).all().alias("all"),
            whole.any().alias("wholes"),
            integral.any().alias("floats"),
            missing.any().alias("missing"),
        )
        self._all_numbers, wholes, floats, missed = found.row(0)
        self._wholes, self._floats, self._missing = self._wholes or wholes, self._floats or floats, self._missing or missed

    def conclude(self) -> IdReading:
        """Whether all cells are whole numbers, and some of them written as only numbers are: 7.0, or NaN."""
        return IdReading(self._all_numbers and (self._floats or (self._wholes and self._missing)))


def reading_of(text: pl.Series) -> IdReading:
    """How a whole column that is in memory is read."""
    survey = IdSurvey()
    survey.add(text)
    return survey.conclude()


def _number(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.Float64, strict=False)
