"""A list of the past drawn again from what is stored of it, and compared with what was logged, bit for bit.

Stored are the policy's whole body, the seed, and the candidates that the draw could reach with their scores
(`recommender.drawn_from`). Scores themselves are not computed again: they come from statistics and learned vectors that are
replaced every few seconds.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.catalogue import Catalogue
from core.events import MadeFrom
from ranking.linear_bandit import Posterior
from recommender.drawn_from import DrawnFrom
from recommender.policy import Policy
from recommender.roles import Page, Query, Selection


@dataclass(frozen=True, slots=True)
class LoggedItem:
    """One position of a list, as its impression says."""

    key: int  # of the item
    position: int
    propensity: float
    score: float
    explored: bool


@dataclass(frozen=True, slots=True)
class Redrawn:
    """The positions of the page as they came out again, how they differ from the log, and why something could not be checked."""

    items: tuple[LoggedItem, ...] = ()
    filled_up: int = 0  # positions behind the last candidate: what was popular, with probability 1
    differences: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = field(default=())

    @property
    def identical(self) -> bool:
        """Whether every position came out again with the same item, score and propensity."""
        return not self.differences and not self.unchecked


def draw_again(
    policy_id: str, body: str | None, stored: MadeFrom | None, catalogue: Catalogue | None, logged: Sequence[LoggedItem]
) -> Redrawn:
    """The page of a list. `catalogue` is that of its release, None if that is gone; only caps need it."""
    if stored is None:
        return Redrawn(unchecked=("what it was drawn from was not stored; it is since this version of Marquee",))
    if body is None:
        return Redrawn(unchecked=(f"the policy {policy_id} is not on record",))
    if hashlib.sha256(body.encode()).hexdigest()[:12] != policy_id:
        return Redrawn(unchecked=(f"the policy {policy_id} on record is not the one that has this id",))
    selector = Policy.of({"name": policy_id, **json.loads(body)}, "the lake's policies").selector
    if selector.caps and catalogue is None:
        return Redrawn(unchecked=("its caps need the groups of the items, and its release is gone",))
    found = DrawnFrom.unpack(b64decode(stored.drawn_from))
    rows = np.arange(len(found.keys)) if catalogue is None else catalogue.rows(found.keys)
    query = Query("", 0, 0.0, int(stored.seed, 16), page=Page(stored.size, stored.offset))
    drawn = selector.selector(catalogue, found.posterior or Posterior.prior()).select(query, found.candidates(rows))
    keys = dict(zip(rows.tolist(), found.keys.tolist(), strict=True))
    items = _items(drawn.positions(query.page), keys, stored.offset)
    return Redrawn(items, max(0, len(logged) - len(items)), tuple(_differences(items, logged)))


def _items(drawn: Selection, keys: dict[int, int], offset: int) -> tuple[LoggedItem, ...]:
    columns = (drawn.rows.tolist(), drawn.propensities.tolist(), drawn.scores.tolist(), drawn.explored.tolist())
    return tuple(
        LoggedItem(keys[row], position, propensity, score, explored)
        for position, (row, propensity, score, explored) in enumerate(zip(*columns, strict=True), offset)
    )


def _differences(items: Sequence[LoggedItem], logged: Sequence[LoggedItem]) -> list[str]:
    """In words, one for each position that is not the same. A position behind the last candidate was filled up."""
    again = {item.position: item for item in items}
    said = []
    for item in logged:
        one = again.pop(item.position, None)
        if one is None and (item.propensity != 1.0 or item.explored):
            said.append(f"position {item.position}: logged {item}, and no candidate was left for it")
        elif one is not None and one != item:
            said.append(f"position {item.position}: logged {item}, drawn again {one}")
    return [*said, *(f"position {position}: drawn again, and not logged" for position in again)]
