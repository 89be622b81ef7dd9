"""The current facts about items: titles, genres, years, and whether, when and to whom they may be shown.

A release has a frozen `Catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.expressions import Columns, Expression, readable
from core.ids import ExternalId
from core.items import BUSINESS_SCHEMA, complete
from core.posters import poster_url
from core.sorted_keys import KeyRows

# What expressions can say of an item.
FACT_COLUMNS: Columns = {
    c.TITLE: "text",
    c.GENRES: "names",
    c.YEAR: "number",
    c.LANGUAGE: "text",
    c.MATURITY: "number",
    c.SERIES: "text",
    c.PEOPLE: "names",
    c.TAGS: "names",
    c.KEYWORDS: "names",
    c.AVAILABLE_FROM: "number",
    c.AVAILABLE_UNTIL: "number",
    c.COST: "number",
    c.RUNTIME: "number",
}
# How an item is described of which only the id is known.
UNKNOWN: Mapping[str, Any] = {"title": "", "genres": [], "year": None, "poster": None}


class ItemFacts:
    """The items table as of one moment, by ascending key. Reading one item is cheap; nothing is copied up front."""

    def __init__(self, items: pl.DataFrame, keys_of_ids: Mapping[str, int] | None = None) -> None:
        """`items` has the columns of `core.items.ITEM_SCHEMA`, or a part of them.

        `keys_of_ids` maps every id that is not an integer to its key, also for items that have left the catalogue.
        """
        self._items = complete(items).unique(c.ITEM, keep="last").sort(c.ITEM)
        self.keys: NDArray[np.int64] = self._items[c.ITEM].to_numpy()
        self._rows = KeyRows(self.keys)
        self.years: NDArray[np.int32] = self._items[c.YEAR].fill_null(0).to_numpy()
        self.shown: NDArray[np.bool_] = ~(
            self._items[c.HIDDEN].fill_null(False) | self._items[c.ABSENT].fill_null(False)
        ).to_numpy()
        self._windows = any(self._items[name].count() for name in (c.AVAILABLE_FROM, c.AVAILABLE_UNTIL))
        self._keys_of_ids = keys_of_ids or {}
        self._ids_of_keys = {key: id_ for id_, key in self._keys_of_ids.items()}
        self._with_genre: dict[str, NDArray[np.bool_]] = {}
        self._where: dict[str, NDArray[np.bool_]] = {}
        self._columns: dict[str, list[list[str]]] = {}
        self._named: dict[str, Mapping[str, NDArray[np.intp]]] = {}

    @classmethod
    def of(cls, catalogue: Catalogue) -> ItemFacts:
        """The items of a release's catalogue, all of which may be shown."""
        return cls(catalogue.to_frame())

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, keys: ArrayLike) -> NDArray[np.intp]:
        """The row of each key, -1 for one that is not here. Shape [m] -> [m]."""
        return self._rows.of(keys)

    def row(self, key: int) -> int:
        """The row of one key, or -1."""
        at = int(np.searchsorted(self.keys, key))
        return at if at < len(self.keys) and self.keys[at] == key else -1

    def key_of(self, id_: ExternalId) -> int:
        """The key of an item that is in the catalogue, hidden or not; -1 for any other."""
        key = id_ if isinstance(id_, int) else self._keys_of_ids.get(id_, -1)
        return key if self.row(key) >= 0 else -1

    def key_ever(self, id_: ExternalId) -> int:
        """The key of an item that is or was in the catalogue; -1 for one that never was, as far as is known."""
        return id_ if isinstance(id_, int) else self._keys_of_ids.get(id_, -1)

    def id_of(self, key: int) -> ExternalId:
        """What the company calls the item."""
        return self._ids_of_keys.get(key, key)

    def title(self, row: int) -> str:
        return str(self._titles[row] or "")

    def describe(self, row: int) -> dict[str, Any]:
        """The details by which people recognise an item."""
        return {
            "item_id": self.id_of(int(self.keys[row])),
            "title": self.title(row),
            "genres": self._genres[row],
            "year": int(self.years[row]) or None,
            "poster": self._posters[row],
        }

    def where(self, expression: Expression) -> NDArray[np.bool_]:
        """Which items an expression over `FACT_COLUMNS` alone holds for; evaluated once, however often it is asked. [n]"""
        if expression.text not in self._where:
            self._where[expression.text] = expression.holds(self.readable).to_numpy()
        return self._where[expression.text]

    @cached_property
    def readable(self) -> pl.DataFrame:
        """`FACT_COLUMNS` of every item, as expressions compare them."""
        unknown_year = pl.when(pl.col(c.YEAR) != 0).then(pl.col(c.YEAR)).alias(c.YEAR)
        return readable(self._items.select(*FACT_COLUMNS).with_columns(unknown_year))

    def searchable(self) -> pl.DataFrame:
        """What people search for, as text: item_id, title, people, genres, tags; "" where nothing is known. [n]"""
        lists = [pl.col(name).list.join(", ").fill_null("").alias(name) for name in (c.PEOPLE, c.GENRES, c.TAGS)]
        return self._items.select(c.ITEM, pl.col(c.TITLE).fill_null(""), *lists)

    def names(self, column: str, row: int) -> list[str]:
        """The names that an item has in a column of lists, such as its people or tags."""
        return self._lists(column)[row]

    def available(self, at: float) -> NDArray[np.bool_]:
        """Which items may be shown at a time (Unix seconds). [n]"""
        if self.window is None:
            return self.shown
        from_, until = self.window
        return np.asarray(self.shown & (from_ <= at) & (at < until), dtype=np.bool_)

    def by_name(self, column: str) -> Mapping[str, NDArray[np.intp]]:
        """The rows [m] of the items that have each name of a column of lists, such as people or genres."""
        if column not in self._named:
            exploded = self._items.select(column).with_row_index("row").explode(column).drop_nulls(column)
            grouped = exploded.group_by(column, maintain_order=True).agg("row")
            self._named[column] = {
                name: rows.to_numpy().astype(np.intp) for name, rows in zip(grouped[column], grouped["row"], strict=True)
            }
        return self._named[column]

    def details(self, row: int) -> dict[str, Any]:
        """What else is known of an item, and what decides to whom, when and at what cost it may be shown; null where nobody
        said so."""
        found = self._items.select(*BUSINESS_SCHEMA, c.LANGUAGE, c.PEOPLE, c.OVERVIEW).row(row, named=True)
        return found | {c.OVERVIEW: found[c.OVERVIEW] or None}

    def with_genre(self, name: str) -> NDArray[np.bool_]:
        """Which items have the genre, upper and lower case alike. [n]"""
        wanted = name.strip().casefold()
        if wanted not in self._with_genre:
            named = self._items[c.GENRES].list.eval(pl.element().str.to_lowercase().eq(wanted)).list.any()
            found: NDArray[np.bool_] = named.fill_null(False).to_numpy()
            if not found.any():
                return found  # not cached: a client may ask for any name
            self._with_genre[wanted] = found
        return self._with_genre[wanted]

    def number(self, column: str) -> NDArray[np.float64]:
        """A column of numbers, NaN where it is unknown. [n]"""
        return self._items[column].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def in_languages(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which items are in one of these languages, upper and lower case alike. [n]"""
        wanted = [name.strip().casefold() for name in names]
        return self._items[c.LANGUAGE].str.to_lowercase().is_in(wanted).fill_null(False).to_numpy()

    def unknown(self, column: str) -> NDArray[np.bool_]:
        """Which items have no value in a column. [n]"""
        return self._items[column].is_null().to_numpy()

    @cached_property
    def window(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """From when and until when (Unix seconds) each item may be shown, infinite where unlimited; None if all are."""
        if not self._windows:
            return None
        from_, until = self.number(c.AVAILABLE_FROM), self.number(c.AVAILABLE_UNTIL)
        return np.where(np.isnan(from_), -np.inf, from_), np.where(np.isnan(until), np.inf, until)

    @cached_property
    def genres_by_key(self) -> Mapping[int, Sequence[str]]:
        """The genres of every item by its key."""
        return dict(zip(self.keys.tolist(), self._genres, strict=True))

    @cached_property
    def _titles(self) -> list[str | None]:
        return self._items[c.TITLE].to_list()

    def _lists(self, column: str) -> list[list[str]]:
        if column not in self._columns:
            self._columns[column] = self._items[column].fill_null([]).to_list()
        return self._columns[column]

    @cached_property
    def _posters(self) -> list[str | None]:
        return [poster_url(stored) for stored in self._items[c.POSTER].to_list()]

    @cached_property
    def _genres(self) -> list[list[str]]:
        return self._lists(c.GENRES)
