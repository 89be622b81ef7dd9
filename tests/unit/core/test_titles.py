"""Titles as people write them."""

from __future__ import annotations

import pytest

from core.titles import as_written, without_year


@pytest.mark.parametrize(
    ("catalogued", "written"),
    [
        ("Matrix, The (1999)", "The Matrix (1999)"),
        ("American Tail, An", "An American Tail"),
        ("Avventura, L' (a.k.a. Adventure, The) (1960)", "L'Avventura (a.k.a. Adventure, The) (1960)"),
        ("Lock, Stock and Two Smoking Barrels (1998)", "Lock, Stock and Two Smoking Barrels (1998)"),
        ("Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly (1966)"),
        ("The Matrix", "The Matrix"),
        (", The", ", The"),
        ("", ""),
    ],
)
def test_an_article_stands_in_front(catalogued: str, written: str) -> None:
    assert as_written(catalogued) == written


@pytest.mark.parametrize(
    ("title", "name"), [("Heat (1995)", "Heat"), ("1984", "1984"), ("(500) Days (2009) ", "(500) Days (2009) ")]
)
def test_a_year_at_the_end_is_no_part_of_the_name(title: str, name: str) -> None:
    assert without_year(title) == name
