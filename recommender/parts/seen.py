"""Filter: what the user consumed (rated, watched, bought, reviewed or skipped) is not shown again."""

from __future__ import annotations

from typing import Literal

from core.catalogue import Catalogue
from recommender.live import Snapshot
from recommender.parts.part import PartConfig
from recommender.roles import Eligible, Query

SEEN = "seen"


class SeenConfig(PartConfig):
    """Without it people get what they know already."""

    part: Literal["seen"] = "seen"

    def build(self, now: Snapshot) -> SeenFilter:
        return SeenFilter(now.catalogue)


class SeenFilter:
    """Drops the user's consumed items."""

    name = SEEN

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def narrow(self, query: Query, eligible: Eligible) -> None:
        if query.user is not None:
            eligible[self._catalogue.known_rows(query.user.consumed)] = False
