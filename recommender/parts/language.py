"""Filter: only items in some languages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from core import columns as c
from recommender.live import Snapshot
from recommender.parts.allowed import AllowedFilter
from recommender.parts.part import PartConfig

LanguageName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=35)]


class LanguageConfig(PartConfig):
    """Items in one of these languages, as the catalogue writes them; upper and lower case are alike."""

    part: Literal["language"] = "language"
    languages: tuple[LanguageName, ...] = Field(min_length=1, max_length=100, description="for example en, de")
    keep_unknown: bool = Field(True, description="whether items of unknown language are shown")

    def build(self, now: Snapshot) -> AllowedFilter:
        allowed = now.facts.in_languages(self.languages)
        return AllowedFilter.of(self.part, now, allowed | now.facts.unknown(c.LANGUAGE) if self.keep_unknown else allowed)
