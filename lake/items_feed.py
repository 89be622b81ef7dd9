"""The current items and the keys of their ids, for every process: follows both tables in the lake."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress

import polars as pl
from numpy.typing import ArrayLike

from core import columns as c
from core.errors import DependencyUnavailable
from core.ids import ExternalId
from core.item_facts import ItemFacts
from core.ports import Monotonic
from lake.ports import Lake
from lake.tables import ITEM_IDS, ITEMS, read_or_empty


class ItemsFeed:
    """Polls the tables; a poll that finds nothing new costs one listing."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._seen = (-1, -1)

    def look(self) -> ItemFacts | None:
        """The items if they are new since the last poll; also None if there is no table. Raises DependencyUnavailable."""
        versions = self._lake.version(ITEMS), self._lake.version(ITEM_IDS)
        if versions == self._seen or versions[0] < 0:
            return None
        facts = ItemFacts(self._lake.read(ITEMS, versions[0]), keys_of_ids(self._lake))
        self._seen = versions
        return facts


class KnownItems:
    """The authority on which items exist, for a process that asks often: at most `interval` seconds old.

    A question about an unknown item makes it read the tables again, so that an event on an item that another process has just
    added is not rejected. Thread-safe.
    """

    def __init__(self, lake: Lake, interval: float = 1.0, clock: Monotonic = time.monotonic) -> None:
        self._feed = ItemsFeed(lake)
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._facts = ItemFacts(pl.DataFrame(schema={c.ITEM: pl.Int64}))
        self._looked = float("-inf")
        self._ever_looked = False
        self.genres: Mapping[int, Sequence[str]] = _Genres(self)

    @property
    def facts(self) -> ItemFacts:
        """The items; the last known ones while the lake does not answer. Raises DependencyUnavailable if there are none yet."""
        if self._clock() - self._looked > self._interval or not self._ever_looked:
            with suppress(DependencyUnavailable) if self._ever_looked else nullcontext():
                self._refresh()
        return self._facts

    def with_keys(self, keys: ArrayLike) -> ItemFacts:
        """The items, read again if one of these keys [m] is not among them: another process may have just added it."""
        facts = self.facts
        if bool((facts.rows(keys) < 0).any()):
            with suppress(DependencyUnavailable):
                self._refresh()
        return self._facts

    def key_of(self, id_: ExternalId) -> int:
        """The key of an item, -1 for one that is not in the catalogue. Raises DependencyUnavailable."""
        return self._found(ItemFacts.key_of, id_)

    def key_ever(self, id_: ExternalId) -> int:
        """The key of an item that is or was in the catalogue, -1 for one that never was. Raises DependencyUnavailable."""
        return self._found(ItemFacts.key_ever, id_)

    def _found(self, key_in: Callable[[ItemFacts, ExternalId], int], id_: ExternalId) -> int:
        """The result of `key_in`; before it is -1, the newest items are read and asked again."""
        key = key_in(self.facts, id_)
        if key < 0:
            self._refresh()
            key = key_in(self._facts, id_)
        return key

    def _refresh(self) -> None:
        with self._lock:
            self._looked = self._clock()
            found = self._feed.look()
            self._ever_looked = True
            if found is not None:
                self._facts = found


class _Genres(Mapping[int, Sequence[str]]):
    """The genres of every item by its key, as they are known now."""

    def __init__(self, known: KnownItems) -> None:
        self._known = known

    def __getitem__(self, key: int) -> Sequence[str]:
        return self._known.facts.genres_by_key[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known.facts.genres_by_key)

    def __len__(self) -> int:
        return len(self._known.facts)


def keys_of_ids(lake: Lake) -> dict[str, int]:
    """The key of every item id that is not an integer. Raises DependencyUnavailable."""
    return dict(read_or_empty(lake, ITEM_IDS).select(c.ID, c.KEY).iter_rows())
