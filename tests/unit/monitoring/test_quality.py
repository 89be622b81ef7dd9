"""Faults of a window's events."""

from __future__ import annotations

import polars as pl
import pytest

from core import columns as c
from core.catalogue import Catalogue
from monitoring.quality import problems, volume_problem

CATALOGUE = Catalogue.from_frame(
    pl.DataFrame(
        {c.ITEM: [1, 2], c.TITLE: ["a", "b"], c.GENRES: [["Drama"], []], c.YEAR: [1990, 2000]},
        schema_overrides={c.YEAR: pl.Int32},
    )
)
FINE = pl.DataFrame(
    {
        c.EVENT_ID: [f"e{n}" for n in range(10)],
        c.ITEM: [1, 2] * 5,
        c.KIND: ["rating"] * 9 + ["click"],
        c.VALUE: [4.0] * 9 + [None],
    }
)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (pl.lit("e0").alias(c.EVENT_ID), "data: 9 of 10 events repeat an event id"),
        (pl.lit(float("nan")).alias(c.VALUE), "data: 9 of 9 ratings have no finite value"),
        (pl.lit(None, pl.Float64).alias(c.VALUE), "data: 9 of 9 ratings have no finite value"),
        (pl.lit(99, pl.Int64).alias(c.ITEM), "data: 10 of 10 events are on items that the release does not have"),
    ],
    ids=["repeated", "nan", "null", "unknown items"],
)
def test_a_fault_is_named_with_its_count(change: pl.Expr, problem: str) -> None:
    assert problems(FINE.with_columns(change), CATALOGUE) == (problem,)


def test_a_sound_window_and_an_empty_one_have_none() -> None:
    assert problems(FINE, CATALOGUE) == ()
    assert problems(FINE.clear(), CATALOGUE) == ()


def test_a_few_new_items_are_no_fault() -> None:
    assert problems(FINE.with_columns(pl.Series(c.ITEM, [99, 98, *([1] * 8)])), CATALOGUE) == ()


def test_a_review_need_not_have_stars_and_a_session_must_have_minutes() -> None:
    none = FINE.with_columns(pl.lit(None, pl.Float64).alias(c.VALUE))
    assert problems(none.with_columns(pl.lit("review").alias(c.KIND)), CATALOGUE) == ()
    sessions = problems(none.with_columns(pl.lit("watch").alias(c.KIND)), CATALOGUE)
    assert sessions == ("data: 10 of 10 timed events have no finite value",)


def test_a_kind_that_the_reference_has_not_is_named_when_it_is_not_rare() -> None:
    found = problems(FINE, CATALOGUE, new_kinds={"click": 1, "search": 0})
    assert found == ("data: 1 of 10 events are of kind click, which the reference sample does not have",)


def test_events_that_came_long_after_later_ones_are_late() -> None:
    times = [0.0, 10_000.0, 10_001.0, 9_000.0, 2_000.0, 10_002.0]
    arrived = pl.DataFrame({c.TS: times})
    assert problems(FINE, CATALOGUE, arrived) == ("data: 1 of 6 events came more than an hour after later ones",)
    assert problems(FINE, CATALOGUE, arrived.sort(c.TS)) == ()


HOUR_NOW = 500_000


@pytest.mark.parametrize(
    ("last", "usual", "problem"),
    [
        (100, 400, False),
        (99, 400, True),
        (1_601, 400, True),
        (0, 400, True),
        (0, 99, False),  # too few a week ago to say anything
        (5_000, 0, False),  # no history
    ],
)
def test_volume_is_compared_with_the_same_hour_a_week_ago(last: int, usual: int, problem: bool) -> None:
    hours = {HOUR_NOW - 1: last, HOUR_NOW - 1 - 168: usual, HOUR_NOW: 3, HOUR_NOW - 25: 7}
    found = volume_problem(hours, HOUR_NOW * 3600.0 + 1800)
    assert bool(found) is problem
    assert not found or f"{last:,} events in the last full hour, {usual:,} in the same hour a week ago" in found[0]
