"""Slots: positions of a list that a policy gives to an item, pinned or promoted, and that are labelled as what they are.

Nobody chooses there, so the propensity is 1. A slot never shows what a filter dropped: what was seen, is hidden or ineligible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from core.ids import Id
from recommender.candidates import Candidates
from recommender.paging import MAX_POSITIONS
from recommender.parts.allowed import of_catalogue
from recommender.parts.condition import ItemCondition, of_items

if TYPE_CHECKING:
    from recommender.live import Snapshot
    from recommender.roles import Eligible, Query, Selection

Label = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_ .\-]{1,32}$")]


class SlotConfig(BaseModel):
    """One position of every list, for one item or for the best item that a condition holds for."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    position: int = Field(ge=0, lt=MAX_POSITIONS, description="0 is the top of the list")
    label: Label = Field(description="what the answer and the impression call it, for example promoted")
    item: Id | None = Field(None, description="the item")
    when: ItemCondition | None = Field(
        None, description="a condition; the best candidate that it holds for, else the most popular item"
    )
    from_: AwareDatetime | None = Field(None, alias="from", description="from this time on, with a zone")
    until: AwareDatetime | None = Field(None, description="until this time, with a zone")

    @model_validator(mode="after")
    def _one_item(self) -> SlotConfig:
        if (self.item is None) == (self.when is None):
            raise ValueError("either item or when")
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise ValueError("from is not before until")
        return self

    def active(self, now: float) -> bool:
        """Whether it is at `now` (Unix seconds)."""
        begun = self.from_ is None or self.from_.timestamp() <= now
        return begun and (self.until is None or now < self.until.timestamp())


@dataclass(frozen=True, slots=True)
class Placed:
    """An item in a slot."""

    position: int
    row: int
    label: str


class Slots:
    """A policy's slots on one snapshot."""

    name = "slots"

    def __init__(self, configs: Sequence[SlotConfig], now: Snapshot) -> None:
        self._popularity = now.popularity
        self._slots = [(config, self._allowed(config, now)) for config in sorted(configs, key=lambda one: one.position)]

    def __bool__(self) -> bool:
        return bool(self._slots)

    def active(self, query: Query) -> int:
        """How many are active before the end of the page."""
        return sum(1 for _ in self._active(query))

    def place(self, query: Query, candidates: Candidates, eligible: Eligible) -> list[Placed]:
        """Items for the active slots up to the end of the page, each item once. By position."""
        placed: list[Placed] = []
        for config, allowed in self._active(query):
            free = eligible & allowed
            free[[one.row for one in placed]] = False
            row = self._best(candidates, free)
            if row is not None:
                placed.append(Placed(config.position - query.above, row, config.label))
        return placed

    def _active(self, query: Query) -> Iterator[tuple[SlotConfig, NDArray[np.bool_]]]:
        """Where positions above the page are settled, those of the page alone."""
        page, above = query.page, query.above
        positions = range(above + page.offset if above else 0, above + page.end)
        return (slot for slot in self._slots if slot[0].position in positions and slot[0].active(query.now))

    def _best(self, candidates: Candidates, free: Eligible) -> int | None:
        here = np.flatnonzero(free[candidates.rows])
        if len(here):
            return int(candidates.rows[here[np.argmax(candidates.scores[here])]])
        popular = self._popularity.best(free, 1)
        return int(popular[0]) if len(popular) else None

    @staticmethod
    def _allowed(config: SlotConfig, now: Snapshot) -> NDArray[np.bool_]:
        if config.when is not None:
            return np.asarray(of_catalogue(now, now.facts.where(of_items(config.when))), dtype=np.bool_)
        allowed = np.zeros(len(now.catalogue), dtype=np.bool_)
        if config.item is not None:
            allowed[now.catalogue.known_rows([now.facts.key_of(config.item)])] = True
        return allowed


def inserted(selection: Selection, placed: Sequence[Placed], end: int) -> Selection:
    """The list with the placed items at their positions, or at its end where it is shorter, cut to `end` positions."""
    labels = [""] * len(selection)
    columns: dict[str, Any] = {name: getattr(selection, name) for name in ("rows", "scores", "propensities", "explored", "found")}
    for one in placed:
        at = min(one.position, len(labels))
        scores = columns["scores"]
        score = scores[min(at, len(scores) - 1)] if len(scores) else 0.0
        values: dict[str, Any] = {"rows": one.row, "scores": score, "propensities": 1.0, "explored": False, "found": False}
        columns = {name: np.insert(column, at, values[name], axis=0) for name, column in columns.items()}
        labels.insert(at, one.label)
    columns = {name: column[:end] for name, column in columns.items()}
    return replace(selection, **columns, labels=tuple(labels[:end]))
