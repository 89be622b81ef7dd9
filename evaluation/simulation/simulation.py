"""What the visitors of a world do, with or without a recommended list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core import columns as c
from core.ids import ExternalId
from core.sorted_keys import rows_of
from evaluation.simulation.arrivals import Arrivals, Visit
from evaluation.simulation.choice import ChoiceModel, browsed, stars
from evaluation.simulation.world import World

LIST_LENGTH = 20  # films in a list

EventBody = dict[str, Any]


class ItemNames(Protocol):
    """Translates the world's item ids to those of the company, and back."""

    def id_of(self, key: int, /) -> ExternalId: ...

    def key_ever(self, id_: ExternalId, /) -> int:
        """-1 for an id that is not known."""


class WholeIds:
    """For items whose ids are their keys."""

    def id_of(self, key: int) -> ExternalId:
        return key

    def key_ever(self, id_: ExternalId) -> int:
        return id_ if isinstance(id_, int) else -1


WHOLE = WholeIds()


@dataclass(frozen=True)
class Simulation:
    """A world, its visitors, and how they choose from lists."""

    world: World
    arrivals: Arrivals
    choices: ChoiceModel = field(default_factory=ChoiceModel)
    names: ItemNames = WHOLE

    def rows_of(self, item_ids: Sequence[ExternalId]) -> NDArray[np.intp]:
        """The world's rows of items [k], -1 for an item that is not in this world."""
        return rows_of(self.world.item_ids, [self.names.key_ever(id_) for id_ in item_ids])

    def event(self, visit: Visit, rows: Sequence[int] | NDArray[np.intp], request_id: str | None, now: float) -> EventBody | None:
        """The visitor's event on a list of the world's rows (-1: not in this world), or None."""
        shown = np.asarray(rows, dtype=np.intp)
        at = self.choices.choose(self.world, visit, shown)
        if at is None:
            return None
        row = int(shown[at])
        event = {
            c.EVENT_ID: f"sim-{self.world.config.seed}-{visit.number}-{int(now * 1e3):x}",
            c.USER: visit.user,
            c.ITEM: self.names.id_of(int(self.world.item_ids[row])),
            c.KIND: "rating",
            c.VALUE: stars(self.world, visit.user, visit.day, row),
            c.TS: now,
        }
        return event | ({c.REQUEST_ID: request_id} if request_id else {})

    def browse(self, visit: Visit, now: float) -> EventBody | None:
        """The visitor's event without a recommender."""
        return self.event(visit, browsed(self.world, visit, LIST_LENGTH), None, now)
