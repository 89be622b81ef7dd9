"""Addresses of pictures."""

from __future__ import annotations

import pytest

from core.posters import poster_url


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ("/9cqNxx0.jpg", "https://image.tmdb.org/t/p/w342/9cqNxx0.jpg"),
        ("https://images.example.com/a b.jpg", None),
        ("https://images.example.com/books/7.png?size=2", "https://images.example.com/books/7.png?size=2"),
        ("http://images.example.com/7.png", None),
        ("//images.example.com/7.png", None),
        ("/../admin", None),
        ("javascript:alert(1)", None),
        ('https://example.com/"onerror=alert(1)', None),
        ("", None),
        (None, None),
    ],
)
def test_a_picture_has_an_https_address_or_none(stored: str | None, found: str | None) -> None:
    assert poster_url(stored) == found
