"""What is known of items now: found by key, whatever the table leaves out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from synthetic import make_catalogue

from core.item_facts import ItemFacts

ITEMS = pl.DataFrame(
    {
        "item_id": [30, 10, 20],
        "title": ["Three", "One", None],
        "genres": [["Crime", "Drama"], ["Drama"], None],
        "year": [1999, None, 2005],
        "hidden": [None, True, False],
    }
)
FACTS = ItemFacts(ITEMS)


def test_items_are_in_order_of_their_keys() -> None:
    assert FACTS.keys.tolist() == [10, 20, 30]
    assert FACTS.years.tolist() == [0, 2005, 1999], "0 where unknown"
    assert FACTS.shown.tolist() == [False, True, True], "only what somebody hid is hidden"
    assert len(FACTS) == 3


def test_a_key_leads_to_its_row_and_an_unknown_one_to_none() -> None:
    assert FACTS.rows([30, 5, 10, 15, 99]).tolist() == [2, -1, 0, -1, -1]
    assert [FACTS.row(key) for key in (30, 5, 10, 15, 99)] == [2, -1, 0, -1, -1]


def test_an_item_is_described_as_people_know_it() -> None:
    assert FACTS.describe(2) == {"item_id": 30, "title": "Three", "genres": ["Crime", "Drama"], "year": 1999, "poster": None}
    assert FACTS.describe(0) == {"item_id": 10, "title": "One", "genres": ["Drama"], "year": None, "poster": None}
    assert FACTS.describe(1) == {"item_id": 20, "title": "", "genres": [], "year": 2005, "poster": None}


@pytest.mark.parametrize(("genre", "of"), [("Drama", [10, 30]), (" drama ", [10, 30]), ("CRIME", [30]), ("War", []), ("", [])])
def test_a_genre_is_found_in_any_case(genre: str, of: list[int]) -> None:
    assert FACTS.keys[FACTS.with_genre(genre)].tolist() == of


def test_the_last_row_of_an_item_counts() -> None:
    twice = pl.concat([ITEMS, ITEMS.head(1).with_columns(title=pl.lit("Again"))])
    assert ItemFacts(twice).title(2) == "Again"


def test_an_empty_table_knows_nothing() -> None:
    nothing = ItemFacts(ITEMS.head(0))
    assert (len(nothing), nothing.row(10), nothing.rows([10, 20]).tolist()) == (0, -1, [-1, -1])
    assert len(nothing.with_genre("Drama")) == 0


def test_facts_of_a_catalogue_have_its_details_and_show_every_item() -> None:
    catalogue = make_catalogue(50)
    facts = ItemFacts.of(catalogue)
    assert facts.shown.all()
    np.testing.assert_array_equal(facts.keys, catalogue.ids)
    for row in range(50):
        described = facts.describe(row)
        assert described["title"] == catalogue.titles[row]
        assert tuple(described["genres"]) == catalogue.genres_of(row)
        assert (described["year"] or 0) == catalogue.years[row]
