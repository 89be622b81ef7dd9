"""The content of an item as tokens: "genre:Drama", "person:al pacino", "title:heat".

A token is identified by its CRC-32, so an item that no catalogue had before can be described without a dictionary of words. The
`Vocabulary` of a model has the tokens that it knows.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

FIELDS = ("genre", "year", "title", "overview", "tag", "person", "keyword", "language")
ALWAYS_READ = (FIELDS.index("genre"), FIELDS.index("year"))
_MIN_ITEMS = 2  # items that a token needs: the token of a single film would only be another id of it
_MAX_TOKENS = 32  # tokens of one field of one item, keeping the rarest, so that a long overview does not cost more
_WORD = re.compile(r"[^\W_]+")
_YEAR_IN_TITLE = re.compile(r"\s*\(\d{4}\)\s*$")

_FIRST_YEAR = 1900
_YEARS_PER_BUCKET = 5
_YEAR_BUCKETS = 42  # 0 is "unknown"; the last one ends in 2104


def year_buckets(years: Floats) -> Ints:
    """Five-year buckets, 0 for an unknown year (0). Shape [n] -> [n]."""
    bucket = 1 + (years.astype(np.int64) - _FIRST_YEAR) // _YEARS_PER_BUCKET
    return np.where(years > 0, bucket.clip(1, _YEAR_BUCKETS - 1), 0)


@dataclass(frozen=True, eq=False)
class ContentTokens:
    """The tokens of n items: those of item i are at offsets[i] to offsets[i + 1], each once."""

    offsets: Ints  # [n + 1]
    hashes: Ints  # [m], CRC-32
    fields: Ints  # [m], positions in FIELDS

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def items(self) -> Ints:
        """The item of each token: [m]."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class Bags:
    """The model's input for n items: weighted rows of its token table."""

    offsets: Ints  # [n + 1]
    rows: Ints  # [m]
    weights: Floats  # [m]; each field of an item has length 1 (L2), so that a long overview does not outweigh the genres


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens that a model knows, and the weight of each: its idf among the items that have its field (Sparck Jones 1972)."""

    hashes: Ints  # [V], ascending
    idf: Floats  # [V]

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def of(cls, tokens: ContentTokens) -> Vocabulary:
        """All genres and years, and those other tokens that at least two items share."""
        hashes, first, count = np.unique(tokens.hashes, return_index=True, return_counts=True)
        fields = tokens.fields[first]
        pairs = np.unique(tokens.items * len(FIELDS) + tokens.fields)
        with_field = np.bincount(pairs % len(FIELDS), minlength=len(FIELDS))
        idf = np.log1p(with_field[fields] / count)
        always = np.isin(fields, ALWAYS_READ)
        kept = always | (count >= _MIN_ITEMS)
        return cls(hashes[kept], np.where(always, 1.0, idf)[kept].astype(np.float32))

    def bags(self, tokens: ContentTokens) -> Bags:
        """The known tokens among these, the rarest of each field, weighted by idf and normalised within their field."""
        at = np.searchsorted(self.hashes, tokens.hashes).clip(max=max(0, len(self) - 1))
        known = self.hashes[at] == tokens.hashes if len(self) else np.zeros(0, dtype=bool)
        rows, items = at[known], tokens.items[known]
        group = items * len(FIELDS) + tokens.fields[known]
        order = np.lexsort((rows, -self.idf[rows], group))
        rows, items, group = rows[order], items[order], group[order]
        few = np.arange(len(group)) - np.searchsorted(group, group) < _MAX_TOKENS
        rows, items, group = rows[few], items[few], group[few]
        _, place = np.unique(group, return_inverse=True)
        length = np.sqrt(np.bincount(place, weights=self.idf[rows].astype(np.float64) ** 2))
        counts = np.bincount(items, minlength=len(tokens))
        return Bags(np.append(0, counts.cumsum()), rows, (self.idf[rows] / length[place]).astype(np.float32))


def content_tokens(catalogue: Catalogue) -> ContentTokens:
    """The tokens of every item, in the catalogue's order. Each item's depend only on its own data in the catalogue."""
    hashes: list[int] = []
    fields: list[int] = []
    offsets = [0]
    buckets = year_buckets(catalogue.years).tolist()
    for row in range(len(catalogue)):
        for field, words in enumerate(_words(catalogue, row, buckets[row])):
            distinct = dict.fromkeys(words)
            hashes += [zlib.crc32(f"{FIELDS[field]}:{word}".encode()) for word in distinct]
            fields += [field] * len(distinct)
        offsets.append(len(hashes))
    return ContentTokens(*(np.array(column, dtype=np.int64) for column in (offsets, hashes, fields)))


def _words(catalogue: Catalogue, row: int, year_bucket: int) -> Iterator[Iterable[str]]:
    """The item's values for each of FIELDS, in their order."""
    yield catalogue.genres_of(row)
    yield (str(year_bucket),)
    yield _split(_YEAR_IN_TITLE.sub("", catalogue.titles[row]))
    yield _split(catalogue.overviews[row])
    yield _lowered(catalogue.tags[row])
    yield _lowered(catalogue.people[row])
    yield _lowered(catalogue.keywords[row])
    yield _lowered((catalogue.languages[row],))


def _split(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _lowered(names: Iterable[str]) -> list[str]:
    return [name.strip().lower() for name in names if name.strip()]
