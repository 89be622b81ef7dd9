"""What the visitors of a world do: with a list that somebody recommended, or where nobody does."""

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

LIST_LENGTH = 20  # films of a list

Event = dict[str, Any]


class ItemNames(Protocol):
    """What the company calls items, and back."""

    def id_of(self, key: int, /) -> ExternalId: ...

    def key_ever(self, id_: ExternalId, /) -> int:
        """-1 for an id that is not known."""


class WholeIds:
    """Items whose ids are their keys."""

    def id_of(self, key: int) -> ExternalId:
        return key

    def key_ever(self, id_: ExternalId) -> int:
        return id_ if isinstance(id_, int) else -1


WHOLE = WholeIds()


@dataclass(frozen=True)
class Simulation:
    """A world, who visits it, and how lists are answered."""

    world: World
    arrivals: Arrivals
    choices: ChoiceModel = field(default_factory=ChoiceModel)
    names: ItemNames = WHOLE

    def rows_of(self, item_ids: Sequence[ExternalId]) -> NDArray[np.intp]:
        """The world's rows of items [k], -1 for one that is not of this world."""
        return rows_of(self.world.item_ids, [self.names.key_ever(id_) for id_ in item_ids])

    def event(self, visit: Visit, rows: Sequence[int] | NDArray[np.intp], request_id: str | None, now: float) -> Event | None:
        """What the visitor does with a list of the world's rows (-1: not of this world), or None: nothing."""
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

    def browse(self, visit: Visit, now: float) -> Event | None:
        """What the visitor does where nobody recommends."""
        return self.event(visit, browsed(self.world, visit, LIST_LENGTH), None, now)
