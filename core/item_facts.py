"""What is known of items now: titles, genres, years and whether they may be shown. A release has its own, frozen `Catalogue`."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.items import complete


class ItemFacts:
    """The items table as of one moment, by ascending key. Reading one item is cheap; nothing is copied up front."""

    def __init__(self, items: pl.DataFrame) -> None:
        """`items` has the columns of `core.items.ITEM_SCHEMA`, or a part of them."""
        self._items = complete(items).unique(c.ITEM, keep="last").sort(c.ITEM)
        self.keys: NDArray[np.int64] = self._items[c.ITEM].to_numpy()
        self.years: NDArray[np.int32] = self._items[c.YEAR].fill_null(0).to_numpy()
        self.shown: NDArray[np.bool_] = ~self._items[c.HIDDEN].fill_null(False).to_numpy()
        self._with_genre: dict[str, NDArray[np.bool_]] = {}

    @classmethod
    def of(cls, catalogue: Catalogue) -> ItemFacts:
        """What a release's catalogue says of its items: all of them may be shown."""
        return cls(catalogue.to_frame())

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, keys: ArrayLike) -> NDArray[np.intp]:
        """The row of each key, -1 for one that is not here. Shape [m] -> [m]."""
        wanted = np.asarray(keys, dtype=np.int64)
        if not len(self.keys):
            return np.full(wanted.shape, -1, dtype=np.intp)
        at = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where(self.keys[at] == wanted, at, -1)

    def row(self, key: int) -> int:
        """The row of one key, or -1."""
        at = int(np.searchsorted(self.keys, key))
        return at if at < len(self.keys) and self.keys[at] == key else -1

    def title(self, row: int) -> str:
        return str(self._titles[row] or "")

    def describe(self, row: int) -> dict[str, Any]:
        """What people know an item by; `item_id` is its key."""
        return {
            "item_id": int(self.keys[row]),
            "title": self.title(row),
            "genres": self._genres[row],
            "year": int(self.years[row]) or None,
        }

    def with_genre(self, name: str) -> NDArray[np.bool_]:
        """Which items have the genre, upper and lower case alike. [n]"""
        wanted = name.strip().casefold()
        if wanted not in self._with_genre:
            named = self._items[c.GENRES].list.eval(pl.element().str.to_lowercase().eq(wanted)).list.any()
            found: NDArray[np.bool_] = named.fill_null(False).to_numpy()
            if not found.any():
                return found  # not kept: anybody can ask for any name
            self._with_genre[wanted] = found
        return self._with_genre[wanted]

    @cached_property
    def _titles(self) -> list[str | None]:
        return self._items[c.TITLE].to_list()

    @cached_property
    def _genres(self) -> list[list[str]]:
        return self._items[c.GENRES].fill_null([]).to_list()
