"""Singular and plural."""

from __future__ import annotations

import pytest

from core.words import counted


@pytest.mark.parametrize(
    ("n", "thing", "said"),
    [
        (1, "event", "1 event"),
        (0, "event", "0 events"),
        (2000, "event", "2,000 events"),
        (2, "entry", "2 entries"),
        (1, "entry", "1 entry"),
        (3, "person", "3 people"),
        (2, "query", "2 queries"),
        (2, "copy", "2 copies"),
    ],
)
def test_numbers_of_things(n: int, thing: str, said: str) -> None:
    assert counted(n, thing) == said
