"""What may be shown before any configured filter is asked: items that are available, within what the request asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.item_facts import ItemFacts
from recommender.roles import Eligible, Query


class Eligibility:
    """Part of every pipeline, so that no configuration can leave it out: a hidden item is in no list.

    Nor is one outside the time in which it may be shown. Each thing that a request asks for is a filter by itself, so that the
    trace says which of them left nothing.
    """

    name = "eligible"

    def __init__(self, catalogue: Catalogue, facts: ItemFacts) -> None:
        """`facts` may know more items than the release's `catalogue`, and fewer: what it does not know is not shown."""
        self.catalogue = catalogue
        self._facts = facts
        self._at = facts.rows(catalogue.ids)
        self._available = self._at >= 0
        self._available[self._available] = facts.shown[self._at[self._available]]
        self._window = None if facts.window is None else tuple(bound[self._at] for bound in facts.window)

    def of(self, query: Query) -> Eligible:
        """A fresh mask over the release's rows [n]."""
        eligible = self._available.copy()
        if self._window is not None:
            from_, until = self._window
            eligible &= (from_ <= query.now) & (query.now < until)
        return eligible

    def asked(self, query: Query) -> Iterator[Asked]:
        """What the request asks of items, one filter each, for a mask of `of`: items that the facts lack are out already."""
        constraints = query.context.constraints
        if not constraints or not len(self._facts):
            return
        if constraints.genres:
            yield Asked("genre", lambda: self._of_genres(constraints.genres))
        if constraints.min_year is not None or constraints.max_year is not None:
            yield Asked("year", lambda: self._of_years(constraints.min_year, constraints.max_year))
        if constraints.max_maturity is not None:
            highest = constraints.max_maturity
            yield Asked("maturity", lambda: self._facts.number(c.MATURITY)[self._at] <= highest)
        if constraints.languages:
            yield Asked("language", lambda: self._facts.in_languages(constraints.languages)[self._at])
        if constraints.only is not None:
            only = constraints.only
            yield Asked("candidates", lambda: ~self._without(only))
        if constraints.exclude:
            yield Asked("exclude", lambda: self._without(constraints.exclude))

    def refusal(self, query: Query, row: int) -> str:
        """Why the item of a catalogue row may not be shown, in words; for one that may not."""
        if not self._available[row]:
            return "It is hidden, or has left the catalogue"
        if not self.of(query)[row]:
            return "It may not be shown at this time"
        for asked in self.asked(query):
            mask = np.ones(len(self.catalogue), dtype=np.bool_)
            asked.narrow(query, mask)
            if not mask[row]:
                return asked.refusal
        return "The request leaves it out"

    def _of_genres(self, genres: tuple[str, ...]) -> Eligible:
        wanted = np.zeros(len(self._facts), dtype=np.bool_)
        for genre in genres:
            wanted |= self._facts.with_genre(genre)
        return wanted[self._at]

    def _of_years(self, low: int | None, high: int | None) -> Eligible:
        years = self._facts.years[self._at]
        return np.asarray((years >= (low or 1)) & (years <= (9999 if high is None else high)), dtype=np.bool_)

    def _without(self, keys: frozenset[int]) -> Eligible:
        allowed = np.ones(len(self._at), dtype=np.bool_)
        allowed[self.catalogue.known_rows(np.fromiter(keys, dtype=np.int64, count=len(keys)))] = False
        return allowed


@dataclass(slots=True)
class Asked:
    """A filter for one thing that a request asks for."""

    what: str
    allowed: Callable[[], NDArray[np.bool_]]  # over the release's rows [n]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"asked_{self.what}"

    @property
    def refusal(self) -> str:
        """What to say of an item that it leaves out."""
        return f"The request's {self.what} leaves it out"

    def narrow(self, query: Query, eligible: Eligible) -> None:  # noqa: ARG002 - the role's signature
        eligible &= self.allowed()
