"""Filter: what a condition holds for is not shown."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recommender.live import Snapshot
from recommender.parts.allowed import AllowedFilter
from recommender.parts.condition import ItemCondition, of_items
from recommender.parts.part import PartConfig


class DropConfig(PartConfig):
    """Items of which the condition is true; one of which too much is unknown is shown."""

    part: Literal["drop"] = "drop"
    when: ItemCondition = Field(description="a condition over items")

    def build(self, now: Snapshot) -> AllowedFilter:
        return AllowedFilter.of(self.part, now, ~now.facts.where(of_items(self.when)))
