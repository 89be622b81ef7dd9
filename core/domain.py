"""What this installation recommends, in words: films, books or products. A company edits the file; nothing else changes by it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import InvalidInput
from core.kinds import STARS
from core.settings import CONFIGS
from core.toml_file import first_wrong, named_file, read_toml

FOLDER = CONFIGS / "domains"
Word = Annotated[str, Field(min_length=1, max_length=40)]


class Words(BaseModel):
    """Each in the form in which it stands within a sentence or on a button."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: Word = Field(description="one of the things that are recommended")
    items: Word = Field(description="several of them")
    genre: Word = Field(description="a group of items")
    genres: Word = Field(description="several groups")
    person: Word = Field(description="who made an item or is in it")
    people: Word = Field(description="several of them")
    watch: Word = Field(description="to use an item")
    watched: Word = Field(description="that was used")
    rate: Word = Field(description="to give an item stars")
    rated: Word = Field(description="that was given stars")
    save: Word = Field(description="to keep an item for later")
    saved: Word = Field(description="that was kept for later")
    hide: Word = Field(description="to want an item no more")
    hidden: Word = Field(description="that is not wanted any more")


class Stars(BaseModel):
    """How people rate."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    max: int = Field(ge=1, le=int(STARS.high), description="stars of the best rating")
    step: float = Field(ge=STARS.low, le=1.0, description="the smallest difference between two ratings, in stars")

    @model_validator(mode="after")
    def _step_leads_to_max(self) -> Stars:
        if (self.max / self.step) % 1:
            raise ValueError(f"steps of {self.step:g} never reach {self.max} stars; choose a step that divides it")
        return self


class Domain(BaseModel):
    """The words, and the stars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Word = Field(description="what the page is called")
    words: Words
    stars: Stars

    @classmethod
    def load(cls, name: str, folder: Path = FOLDER) -> Domain:
        """From `configs/domains/<name>.toml`, or from the file itself where the name is a path that ends in `.toml`.

        Raises NotFound, InvalidInput.
        """
        path = Path(name) if name.endswith(".toml") else named_file(folder, name, "domain")
        values = read_toml(path, "domain")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            field, first = first_wrong(error)
            raise InvalidInput(f"{field or 'domain'} in {path.name}", first["input"], str(first["msg"])) from error
