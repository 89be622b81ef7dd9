"""What lists of this process showed, for as long as somebody may ask for their next page.

Bounded in number and in time: 700 bytes for a list and 360 for each further page of 20, so ten thousand lists of two pages are
11 MB. With several processes, a page that comes to another one than the first page did finds nothing here: it goes on with the
same list by its seed, and may repeat an item where something has changed (docs/decisions/0030).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.ports import Monotonic
from recommender.paging import NOTHING_SHOWN, Shown
from recommender.recommender import RecommendationResult

SECONDS, LISTS, PAGES = 1800.0, 10_000, 100  # the last is of one list


@dataclass(slots=True)
class _List:
    user: int
    until: float
    pages: dict[tuple[int, int], NDArray[np.int64]] = field(default_factory=dict)  # (offset, length) -> keys; the latest last


class ShownLists:
    """By the request id of the first page. Used from the event loop alone."""

    def __init__(self, seconds: float = SECONDS, lists: int = LISTS, clock: Monotonic = time.monotonic) -> None:
        """A list is kept for `seconds` after its latest page, unless `lists` came later."""
        self._seconds = seconds
        self._most = lists
        self._clock = clock
        self._lists: OrderedDict[str, _List] = OrderedDict()  # the latest page last

    def __len__(self) -> int:
        return len(self._lists)

    @property
    def latest(self) -> str | None:
        """The list of the latest page."""
        return next(reversed(self._lists), None)

    def of(self, first: str | None, user: int) -> Shown:
        """What the list showed; nothing where it is not known, is too old, or is another user's (key)."""
        found = self._lists.get(first) if first is not None else None
        if found is None or found.user != user or found.until <= self._clock():
            return NOTHING_SHOWN
        keys: dict[int, int] = {}
        for (offset, _), page in found.pages.items():
            keys.update(enumerate(page.tolist(), offset))
        return Shown(keys)

    def add(self, first: str, made: RecommendationResult) -> None:
        """A page that is shown now."""
        now, query = self._clock(), made.query
        known = self._lists.pop(first, None)
        if known is None or known.user != query.user_id or known.until <= now:
            known = _List(query.user_id, now)
        keys = made.snapshot.catalogue.ids[made.selection.rows]
        page = query.page.offset, len(keys)
        known.pages.pop(page, None)
        known.pages[page] = keys
        if len(known.pages) > PAGES:
            del known.pages[next(iter(known.pages))]
        known.until = now + self._seconds
        self._lists[first] = known
        while self._lists and (len(self._lists) > self._most or next(iter(self._lists.values())).until <= now):
            self._lists.popitem(last=False)

    def forget(self, user: int) -> None:
        """What was shown to a user (key)."""
        for first in [first for first, one in self._lists.items() if one.user == user]:
            del self._lists[first]
