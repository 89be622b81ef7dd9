"""The search index: finds while one types, through typing errors, in every field, and follows the catalogue."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.item_facts import ItemFacts
from serving.films.search_index import SearchIndex, words_of

ITEMS = pl.DataFrame(
    {
        "item_id": [1, 2, 3, 4, 5, 6, 7],
        "title": [
            "Matrix, The (1999)",
            "Amélie (2001)",
            "Star Wars: Episode IV - A New Hope (1977)",
            "Star Trek (2009)",
            "千と千尋の神隠し",
            "",
            "100% <script>alert(1)</script>",
        ],
        "genres": [["Sci-Fi"], ["Romance"], ["Sci-Fi"], ["Sci-Fi"], ["Animation"], ["Drama"], []],
        "people": [["Keanu Reeves"], ["Audrey Tautou"], ["Harrison Ford"], [], None, ["Keanu Reeves"], []],
        "tags": [None, None, ["space opera"], None, None, None, None],
    }
)


def index_of(items: pl.DataFrame = ITEMS, popular: tuple[int, ...] = ()) -> SearchIndex:
    index = SearchIndex()
    index.follow(ItemFacts(items), lambda: popular)
    return index


@pytest.mark.parametrize(
    ("query", "keys", "corrected"),
    [
        ("matrix", [1], None),
        ("the matrix", [1], None),
        ("Matrix The", [1], None),
        ("mat", [1], None),
        ("amelie", [2], None),
        ("AMÉLIE", [2], None),
        ("star", [3, 4], None),
        ("star wa", [3], None),
        ("keanu", [1, 6], None),
        ("sci fi", [1, 3, 4], None),
        ("opera", [3], None),
        ("matirx", [1], "matrix"),
        ("amelei", [2], "amelie"),
        ("keanu reevs", [1, 6], "keanu reeves"),
        ("千尋", [5], None),
        ("100%", [7], None),
        ("%", [7], None),
        ("_", [], None),
        ("star hobbit", [3, 4], None),
        ("zzzzzzzz", [], None),
        ('"', [], None),
        ("AND", [], None),
        ("title:matrix", [1], None),
        ("'; DROP TABLE items; --", [], None),
    ],
)
def test_what_a_query_finds(query: str, keys: list[int], corrected: str | None) -> None:
    found = index_of().find(query)
    assert sorted(found.keys) == keys
    assert found.corrected == corrected


def test_a_short_query_finds_the_most_popular_first() -> None:
    assert index_of(popular=(4, 3)).find("s").keys[:2] == [4, 3]


def test_the_index_follows_the_catalogue() -> None:
    index = index_of()
    renamed = ITEMS.with_columns(pl.when(pl.col("item_id") == 1).then(pl.lit("Metropolis")).otherwise("title").alias("title"))
    new = pl.DataFrame(
        {"item_id": [8], "title": ["Alien"], "genres": [["Horror"]], "people": [["Sigourney Weaver"]], "tags": [None]}
    )
    index.follow(ItemFacts(pl.concat([renamed.filter(pl.col("item_id") != 2), new], how="vertical_relaxed")), tuple)
    assert index.find("matrix").keys == []
    assert index.find("metropolis").keys == [1]
    assert index.find("amelie").keys == []
    assert index.find("sigourney").keys == [8]
    assert index.find("sigourny").corrected == "sigourney", "the words of typing errors follow as well"
    index.follow(ItemFacts(ITEMS), tuple)
    assert (index.find("matrix").keys, index.find("metropolis").keys) == ([1], [])


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_no_text_breaks_it(query: str) -> None:
    found = _INDEX.find(query)
    assert len(set(found.keys)) == len(found.keys)


_INDEX = index_of()


@given(st.text(max_size=40))
def test_words_have_neither_case_nor_accents(text: str) -> None:
    assert words_of(text.casefold()) == words_of(text)
