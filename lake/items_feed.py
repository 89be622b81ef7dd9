"""What is known of items now, whenever the lake's items table has changed."""

from __future__ import annotations

from core.item_facts import ItemFacts
from lake.ports import Lake
from lake.tables import ITEMS


class ItemsFeed:
    """Looks at the table again and again; a look that finds nothing new costs a listing."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._seen = -1

    def look(self) -> ItemFacts | None:
        """The items if they are new since the last look. Raises DependencyUnavailable."""
        version = self._lake.version(ITEMS)
        if version == self._seen or version < 0:
            return None
        facts = ItemFacts(self._lake.read(ITEMS, version))
        self._seen = version
        return facts
