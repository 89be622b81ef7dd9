"""The course's names of films, such as `the+shawshank+redemption+1994`, as item ids of the catalogue."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress

from core.ids import ExternalId, parse_id

_YEAR = re.compile(r"\s*\([0-9]{4}\)\s*$")
_ARTICLE = re.compile(r"^(.*), (the|a|an|la|le|les|el|il|der|die|das)$")  # as MovieLens sorts titles


def movie_key(title: str, year: int = 0) -> str:
    """A title as the course writes it: `Shawshank Redemption, The (1994)`, 1994 -> `the+shawshank+redemption+1994`.

    Accents and punctuation go; `year` 0 means unknown.
    """
    plain = unicodedata.normalize("NFKD", _YEAR.sub("", title)).encode("ascii", "ignore").decode().lower().replace("'", "")
    if article := _ARTICLE.match(plain):
        plain = f"{article[2]} {article[1]}"
    return "+".join(re.findall("[a-z0-9]+", plain) + ([str(year)] if year else []))


class MovieIds:
    """Which item a name means: the given table first, then an item's id as it is, then title and year."""

    def __init__(self, items: Iterable[tuple[ExternalId, str, int]], table: Mapping[str, ExternalId] | None = None) -> None:
        """`items`: (item_id, title, year) of the catalogue. A title and year that two items share means neither."""
        self._table = table or {}
        known: dict[str, ExternalId | None] = {}
        ids = set()
        for item_id, title, year in items:
            key = movie_key(title, year)
            known[key] = None if key in known else item_id
            ids.add(item_id)
        self._by_key = {key: item_id for key, item_id in known.items() if key and item_id is not None}
        self._ids: Container[ExternalId] = ids

    def find(self, movie: str) -> ExternalId | None:
        """The item, or None when the catalogue has none of that name."""
        if movie in self._table:
            item: ExternalId | None = self._table[movie]
            return item if item in self._ids else None
        with suppress(ValueError):
            if (id_ := parse_id(movie)) in self._ids:
                return id_
        return self._by_key.get(movie_key(movie))
