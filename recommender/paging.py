"""Going on with a list: what was shown of it is not shown again, whatever has become known of the user in between.

A further page is the same list, made again from the same seed, as long as that list still has what was shown at its places. If
it has not, because the user did something, statistics moved, or another release is served, the rest is selected anew from what
was not shown. Either way each propensity is the exact probability of its item, given the items above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from recommender.roles import Eligible, Page, Query, Selection

MAX_POSITIONS = 100  # of a list, over all its pages


@dataclass(frozen=True, slots=True)
class Shown:
    """What a list showed so far: item keys by position."""

    keys: Mapping[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def settled(self, page: Page) -> int:
        """How many positions before the page were shown."""
        return sum(position < page.offset for position in self.keys)

    def beside(self, page: Page) -> list[int]:
        """The keys that were shown at other positions than those of the page."""
        return [key for position, key in self.keys.items() if not page.offset <= position < page.end]


NOTHING_SHOWN = Shown()


def goes_on(ids: NDArray[np.int64], selection: Selection, shown: Shown, page: Page) -> bool:
    """Whether a list up to the page's end has what was shown above the page at its places, and its page nothing shown elsewhere.

    `ids` [n] are the keys of the release's rows.
    """
    keys = ids[selection.rows].tolist()
    above = {position: key for position, key in shown.keys.items() if position < page.offset}
    if any(position >= len(keys) or keys[position] != key for position, key in above.items()):
        return False
    return not set(keys[page.offset :]).intersection(shown.beside(page))


def rest(query: Query) -> Query:
    """The query for what was not shown of the list: it counts positions from those that were shown, and has a seed of its own."""
    page, settled = query.page, query.shown.settled(query.page)
    later = replace(page, offset=page.offset - settled)
    return replace(query, page=later, above=settled, seed=query.seed * MAX_POSITIONS + page.offset)


def without(eligible: Eligible, rows: NDArray[np.intp]) -> Eligible:
    """What is left when these rows are taken out, as a mask of its own."""
    left = eligible.copy()
    left[rows] = False
    return left
