"""Events that have an order and no times: positions 0, 1, 2, ... of a user's or a file's events, or the order of the rows.

A position p is stored as p seconds after 1970-01-01. That keeps the order, lies before everything that the event contract takes
for a time (1990-01-01), and can so be told from times wherever events are read: `are_positions` and `are_times` are that test.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.events import EARLIEST_SECONDS

NAMES = (
    "position",
    "pos",
    "order",
    "sequence",
    "seq",
    "step",
    "index",
)  # of a column of positions, without anything between words
TIME, POSITION = "time", "position"
ALLOWED = (TIME, POSITION)  # of `--ts`
_MOST = 0.5  # share of the events that decides for all of them
_TOGETHER = 0.9  # share of the users who begin at the same moment
_FEW = 10  # users of whom the moment of beginning says nothing


def are_positions(times: NDArray[np.float64]) -> bool:
    """Whether most of the `ts` [m] are positions."""
    return len(times) > 0 and float((times < EARLIEST_SECONDS).mean()) > _MOST


def are_times(times: NDArray[np.float64], first: NDArray[np.float64]) -> bool:
    """Whether the `ts` [m] compare events of different users, given the first `ts` of each user [users].

    They do not if they are positions, and not if nearly all users begin at the one moment at which the data begins: then they
    count each user's events, whatever date the counting starts from.
    """
    if not len(times) or are_positions(times):
        return not len(times)
    return len(first) < _FEW or float((first == times.min()).mean()) < _TOGETHER


class Positions:
    """How a column of positions is read."""

    short = "positions (whole numbers from 0)"

    def __str__(self) -> str:
        return "positions, which order a user's events and are not times"

    def read(self, text: pl.Series) -> pl.Series:
        """What is stored as `ts` [n], null where the text is not a position."""
        number = text.cast(pl.Float64, strict=False)
        return number.set(~(number.is_between(0, EARLIEST_SECONDS, closed="left") & (number == number.floor())), None)


class FileOrder:
    """The order of the rows, counted from 0 for each user; it goes on from one batch to the next."""

    def __init__(self) -> None:
        self._counts = pl.DataFrame(schema={c.USER: pl.Int64, "before": pl.Int64})

    def positions(self, users: pl.Series) -> pl.Series:
        """What is stored as `ts` for the next rows of these users [n]; null where there is no user."""
        rows = pl.DataFrame({c.USER: users}).join(self._counts, on=c.USER, how="left", maintain_order="left")
        at = rows.select(pl.col("before").fill_null(0) + pl.int_range(pl.len()).over(c.USER)).to_series()
        now = rows.group_by(c.USER).agg(pl.len().cast(pl.Int64).alias("before"))
        self._counts = pl.concat([self._counts, now]).group_by(c.USER).agg(pl.col("before").sum())
        return at.cast(pl.Float64).set(users.is_null(), None)
