"""What may be shown before any configured filter is asked: items that are available, within what the request asks for."""

from __future__ import annotations

import numpy as np

from core.catalogue import Catalogue
from core.item_facts import ItemFacts
from recommender.roles import Constraints, Eligible, Query


class Eligibility:
    """Part of every pipeline, so that no configuration can leave it out: a hidden item is in no list."""

    name = "eligible"

    def __init__(self, catalogue: Catalogue, facts: ItemFacts) -> None:
        """`facts` may know more items than the release's `catalogue`, and fewer: what it does not know is not shown."""
        self._catalogue = catalogue
        self._facts = facts
        self._at = facts.rows(catalogue.ids)
        self._available = self._at >= 0
        self._available[self._available] = facts.shown[self._at[self._available]]

    def of(self, query: Query) -> Eligible:
        """A fresh mask over the release's rows [n]."""
        eligible = self._available.copy()
        if query.context.constraints and eligible.any():
            self._constrain(query.context.constraints, eligible)
        return eligible

    def refusal(self, query: Query, row: int) -> str:
        """Why the item of a catalogue row may not be shown, in words; for one that may not."""
        if not self._available[row]:
            return "It is hidden, or has left the catalogue"
        asked = query.context.constraints
        for name, one in (
            ("genre", Constraints(genres=asked.genres)),
            ("exclude", Constraints(exclude=asked.exclude)),
            ("year_min", Constraints(min_year=asked.min_year)),
            ("year_max", Constraints(max_year=asked.max_year)),
        ):
            eligible = self._available.copy()
            if one and eligible.any():
                self._constrain(one, eligible)
            if not eligible[row]:
                return f"The request's {name} leaves it out"
        return "The request leaves it out"

    def _constrain(self, constraints: Constraints, eligible: Eligible) -> None:
        if constraints.genres:
            wanted = np.zeros(len(self._facts), dtype=np.bool_)
            for genre in constraints.genres:
                wanted |= self._facts.with_genre(genre)
            eligible &= wanted[self._at]
        years = self._facts.years[self._at]
        if constraints.min_year is not None:
            eligible &= years >= constraints.min_year
        if constraints.max_year is not None:
            eligible &= (years > 0) & (years <= constraints.max_year)
        eligible[self._catalogue.known_rows(sorted(constraints.exclude))] = False
