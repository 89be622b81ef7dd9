"""What may be shown at all: items that the lake knows and nobody hid, within what the request asks for."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from synthetic import make_query

from core.catalogue import Catalogue
from core.item_facts import ItemFacts
from recommender.eligibility import Eligibility
from recommender.roles import Constraints

ITEMS = pl.DataFrame(
    {
        "item_id": [1, 2, 3, 4, 5],
        "title": list("abcde"),
        "genres": [["Drama"], ["Drama", "War"], ["War"], [], ["Comedy"]],
        "year": [1990, 2000, 2010, None, 2020],
    }
)
CATALOGUE = Catalogue.from_frame(ITEMS)
FACTS = ItemFacts(ITEMS)


def eligible(facts: ItemFacts = FACTS, now: float = 0.0, **asked: object) -> list[int]:
    constraints = Constraints(**asked)  # type: ignore[arg-type]
    eligibility, query = Eligibility(CATALOGUE, facts), make_query(constraints=constraints, now=now)
    mask = eligibility.of(query)
    for filter_ in eligibility.asked(query):
        filter_.narrow(query, mask)
    assert mask.dtype == np.bool_
    return CATALOGUE.ids[mask].tolist()


def test_without_constraints_everything_that_is_known() -> None:
    assert eligible() == [1, 2, 3, 4, 5]


def test_hidden_items_and_items_that_the_lake_lost_are_not_shown() -> None:
    assert eligible(ItemFacts(ITEMS.with_columns(hidden=pl.col("item_id") == 2))) == [1, 3, 4, 5]
    assert eligible(ItemFacts(ITEMS.filter(pl.col("item_id") != 3))) == [1, 2, 4, 5]


def test_items_that_came_after_the_release_do_no_harm() -> None:
    newer = ItemFacts(pl.concat([ITEMS, ITEMS.tail(1).with_columns(item_id=pl.lit(0, pl.Int64))]))
    assert eligible(newer, genres=("Comedy",)) == [5]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"genres": ("Drama",)}, [1, 2]),
        ({"genres": ("drama", "COMEDY")}, [1, 2, 5]),
        ({"genres": ("Western",)}, []),
        ({"exclude": frozenset({1, 5, 99})}, [2, 3, 4]),
        ({"min_year": 2000}, [2, 3, 5]),
        ({"max_year": 2000}, [1, 2]),
        ({"min_year": 2000, "max_year": 2010}, [2, 3]),
        ({"min_year": 2011, "max_year": 2000}, []),
        ({"genres": ("War",), "min_year": 2001, "exclude": frozenset({2})}, [3]),
    ],
    ids=str,
)
def test_constraints_hold_together(asked: dict[str, object], expected: list[int]) -> None:
    assert eligible(**asked) == expected


def test_an_item_of_unknown_year_meets_no_bound() -> None:
    assert 4 in eligible()
    assert 4 not in eligible(max_year=9999)
    assert 4 not in eligible(min_year=1)


def test_constraints_go_by_what_is_known_now_and_not_by_the_release() -> None:
    moved = ItemFacts(ITEMS.with_columns(genres=pl.lit(["Western"]), year=pl.lit(1900)))
    assert eligible(moved, genres=("Western",)) == [1, 2, 3, 4, 5]
    assert eligible(moved, min_year=1901) == []


def test_a_lake_without_items_shows_nothing() -> None:
    nothing = ItemFacts(ITEMS.head(0))
    assert eligible(nothing) == eligible(nothing, genres=("Drama",), min_year=1) == []


def test_every_request_gets_a_mask_of_its_own() -> None:
    eligibility = Eligibility(CATALOGUE, FACTS)
    eligibility.of(make_query())[:] = False
    assert eligibility.of(make_query()).all()


ADULT = ItemFacts(
    ITEMS.with_columns(
        maturity=pl.Series([6, 12, None, 18, 0]),
        language=pl.Series(["en", "EN", None, "de", "fr"]),
        available_from=pl.Series([100.0, None, None, None, None]),
        available_until=pl.Series([200.0, 150.0, None, None, None]),
    )
)


@pytest.mark.parametrize(
    ("now", "expected"), [(0.0, [2, 3, 4, 5]), (100.0, [1, 2, 3, 4, 5]), (150.0, [1, 3, 4, 5]), (200.0, [3, 4, 5])]
)
def test_an_item_is_shown_from_and_until_its_times_and_always_without_them(now: float, expected: list[int]) -> None:
    assert eligible(ADULT, now) == expected
    assert eligible(FACTS, now) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"max_maturity": 12}, [1, 2, 5]),
        ({"max_maturity": 0}, [5]),
        ({"languages": ("en",)}, [1, 2]),
        ({"languages": ("En", "fr"), "max_maturity": 6}, [1, 5]),
        ({"languages": ("xx",)}, []),
    ],
    ids=str,
)
def test_maturity_and_language_are_asked_for(asked: dict[str, object], expected: list[int]) -> None:
    assert eligible(ADULT, 120.0, **asked) == expected
    assert eligible(FACTS, 120.0, **asked) == [], "of whom nothing is known, nothing is promised"


@pytest.mark.parametrize(
    ("item", "asked", "why"),
    [
        (2, {}, "It may not be shown at this time"),
        (3, {"max_maturity": 12}, "The request's maturity leaves it out"),
        (4, {"languages": ("en",)}, "The request's language leaves it out"),
        (5, {"genres": ("War",), "min_year": 1}, "The request's genre leaves it out"),
        (5, {"max_year": 2000}, "The request's year leaves it out"),
        (5, {"exclude": frozenset({5})}, "The request's exclude leaves it out"),
    ],
    ids=str,
)
def test_a_refusal_says_why(item: int, asked: dict[str, object], why: str) -> None:
    query = make_query(constraints=Constraints(**asked), now=160.0)  # type: ignore[arg-type]
    assert Eligibility(CATALOGUE, ADULT).refusal(query, CATALOGUE.row(item)) == why


def test_a_hidden_item_is_refused_as_hidden() -> None:
    hidden = ItemFacts(ITEMS.with_columns(hidden=pl.col("item_id") == 2))
    assert "hidden" in Eligibility(CATALOGUE, hidden).refusal(make_query(), CATALOGUE.row(2))
