"""Faults of a window's events."""

from __future__ import annotations

import polars as pl
import pytest

from core import columns as c
from core.catalogue import Catalogue
from monitoring.quality import problems

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
