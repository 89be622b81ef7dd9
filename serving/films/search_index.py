"""Search over titles, people, genres and tags: SQLite's full-text index, in memory, of what is known of items now.

Each word of a query is the beginning of a word of the item, so that a query finds while it is being typed. Where nothing is
found, words that no item has are taken for typing errors of the nearest words that items have; then titles that contain the text
anywhere are found, which is what languages without spaces need, and at last items with all words but one.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import OSA

from core import columns as c
from core.item_facts import ItemFacts

_WORD = re.compile(r"[^\W_]+")
_SEARCHED = (c.TITLE, c.PEOPLE, c.GENRES, c.TAGS)
_WEIGHTS = "0, 10, 4, 2, 1"  # of the key, which is not searched, and of _SEARCHED
_POPULAR, _BEST = 200, 100  # candidates by popularity and by bm25
_MIN_LETTERS = 3  # of a word that bm25 tells apart, and that may be a typing error
_MAX_WORDS = 12


class Found(NamedTuple):
    """Keys of items that match, none twice, in no order that people see; and the query that was understood, if it is another."""

    keys: list[int]
    corrected: str | None


class SearchIndex:
    """Follows the items' facts. Thread-safe; each call takes milliseconds, so it belongs in a thread."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()
        self._facts: ItemFacts | None = None
        self._hashes = pl.DataFrame(schema={c.ITEM: pl.Int64, "hash": pl.UInt64, "place": pl.Int64})
        self._places = 0  # that were ever given
        self._vocabulary: list[str] | None = None
        self._db.execute(
            f"CREATE VIRTUAL TABLE items USING fts5(key UNINDEXED, {', '.join(_SEARCHED)}, "
            "tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
        )
        self._db.execute("CREATE VIRTUAL TABLE words USING fts5vocab(items, row)")

    def follow(self, facts: ItemFacts, popular: Callable[[], Sequence[int]]) -> None:
        """Bring the index up to date. `popular`, asked where there is something new, are keys, the most popular first: what a
        short query finds first."""
        with self._lock:
            if facts is not self._facts:
                self._take(facts, popular())
                self._facts = facts

    def find(self, text: str) -> Found:
        """What matches a query."""
        words = words_of(text)[:_MAX_WORDS]
        with self._lock:
            if not words:
                return Found(self._containing(text), None)
            if keys := self._with_all(words):
                return Found(keys, None)
            corrected = [self._nearest(word) for word in words]
            if corrected != words and (keys := self._with_all(corrected)):
                return Found(keys, " ".join(corrected))
            if not text.isascii() and (keys := self._containing(text)):
                return Found(keys, None)
            some = self._but_one(corrected)
            return Found(some, " ".join(corrected) if corrected != words and some else None)

    def close(self) -> None:
        self._db.close()

    def _take(self, facts: ItemFacts, popular: Sequence[int]) -> None:
        """Delete and insert what has changed. An item's place, by which a short query is answered, stays."""
        items = facts.searchable()
        hashes = items.select(c.ITEM, hash=items.hash_rows())
        known = hashes.join(self._hashes, on=[c.ITEM, "hash"], how="left", maintain_order="left")
        gone = self._hashes.join(hashes, on=[c.ITEM, "hash"], how="anti")
        order = {key: at for at, key in enumerate(popular)}
        fresh = known.filter(pl.col("place").is_null())[c.ITEM].to_list()
        fresh.sort(key=lambda key: order.get(key, len(order)))
        places = {key: self._places + at for at, key in enumerate(fresh, 1)}
        self._places += len(fresh)
        self._db.execute("BEGIN")
        self._db.executemany("DELETE FROM items WHERE rowid = ?", ((place,) for place in gone["place"].to_list()))
        self._db.executemany(
            "INSERT INTO items(rowid, key, title, people, genres, tags) VALUES (?,?,?,?,?,?)", _rows(items, places)
        )
        self._db.execute("COMMIT")
        self._hashes = known.with_columns(pl.col("place").fill_null(pl.col(c.ITEM).replace_strict(places, default=None)))
        self._vocabulary = None

    def _with_all(self, words: Sequence[str]) -> list[int]:
        query = " ".join(map(_prefix, words))
        keys = self._keys("SELECT key FROM items WHERE items MATCH ? ORDER BY rowid LIMIT ?", query, _POPULAR)
        telling = any(len(word) >= _MIN_LETTERS for word in words)
        if len(keys) < _POPULAR or not telling:
            return keys
        return list(dict.fromkeys(keys + self._best(f"title : ({query})")))  # of the many, those whose title says it best

    def _but_one(self, words: Sequence[str]) -> list[int]:
        """What has all words but one, whichever that is."""
        found = [self._with_all([*words[:at], *words[at + 1 :]]) for at in range(len(words))] if len(words) > 1 else []
        return list(dict.fromkeys(key for keys in found for key in keys))

    def _best(self, query: str) -> list[int]:
        return self._keys(f"SELECT key FROM items WHERE items MATCH ? ORDER BY bm25(items, {_WEIGHTS}) LIMIT ?", query, _BEST)

    def _containing(self, text: str) -> list[int]:
        escaped = re.sub(r"([%_!])", r"!\1", text.strip())
        return self._keys("SELECT key FROM items WHERE title LIKE ? ESCAPE '!' ORDER BY rowid LIMIT ?", f"%{escaped}%", _BEST)

    def _keys(self, query: str, text: str, limit: int) -> list[int]:
        return [key for (key,) in self._db.execute(query, (text, limit))]

    def _nearest(self, word: str) -> str:
        """The word itself where items have it or one that begins with it, else the nearest one that they have."""
        if self._keys("SELECT 1 FROM items WHERE items MATCH ? LIMIT ?", _prefix(word), 1) or len(word) < _MIN_LETTERS:
            return word
        if self._vocabulary is None:
            self._vocabulary = [term for (term,) in self._db.execute("SELECT term FROM words ORDER BY doc DESC")]
        allowed = 1 if len(word) < 2 * _MIN_LETTERS else 2
        found = process.extract(word, self._vocabulary, scorer=OSA.distance, score_cutoff=allowed, limit=1)
        if not found and len(word) > _MIN_LETTERS:  # it may be the beginning of a longer word
            begun = [term[: len(word)] for term in self._vocabulary]
            found = process.extract(word, begun, scorer=OSA.distance, score_cutoff=allowed, limit=1)
        return self._vocabulary[int(found[0][2])] if found else word


def words_of(text: str) -> list[str]:
    """The words of a text in lower case and without accents, as the index compares them."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))


def _prefix(word: str) -> str:
    return f'"{word}"*'


def _rows(items: pl.DataFrame, places: dict[int, int]) -> Iterator[tuple[int, int, str, str, str, str]]:
    fresh = items.filter(pl.col(c.ITEM).is_in(list(places)))
    for key, title, people, genres, tags in fresh.select(c.ITEM, *_SEARCHED).iter_rows():
        yield places[key], key, title, people, genres, tags
