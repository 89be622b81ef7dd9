"""Filter: only what is suitable for an age."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core import columns as c
from recommender.live import Snapshot
from recommender.parts.allowed import AllowedFilter
from recommender.parts.part import PartConfig


class MaturityConfig(PartConfig):
    """Items that are suitable for people of an age; a request may ask for less with `maturity_max`, never for more."""

    part: Literal["maturity"] = "maturity"
    max_maturity: int = Field(ge=0, le=99, description="age in years from which an item may at most be suitable")
    keep_unknown: bool = Field(False, description="whether items of unknown maturity are shown")

    def build(self, now: Snapshot) -> AllowedFilter:
        allowed = now.facts.number(c.MATURITY) <= self.max_maturity
        return AllowedFilter.of(self.part, now, allowed | now.facts.unknown(c.MATURITY) if self.keep_unknown else allowed)
