"""What a feedback type of Gorse means here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import InvalidInput
from core.kinds import KINDS, Kind
from core.settings import CONFIGS
from core.toml_file import first_wrong, named_file, read_toml

FOLDER = CONFIGS / "gorse"


class Meaning(BaseModel):
    """A kind of event, and the value that it gets."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Kind
    value: float | None = Field(None, description="where the feedback has none that the kind allows")
    always: bool = Field(False, description="whatever value the feedback has")

    @model_validator(mode="after")
    def _value_fits(self) -> Meaning:
        if complaint := self.kind.spec.complaint(self.kind.value, self.value):
            raise ValueError(complaint)
        return self

    def value_of(self, sent: float) -> float | None:
        """The value of an event, from that of a feedback."""
        allowed = self.kind.spec.value
        if allowed is None or self.always:
            return self.value
        return sent if sent and allowed.low <= sent <= allowed.high else self.value


class FeedbackKinds(BaseModel):
    """Meanings by feedback type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feedback: Mapping[str, Meaning]

    @classmethod
    def load(cls, name: str) -> FeedbackKinds:
        """From `configs/gorse/<name>.toml`. Raises NotFound, InvalidInput."""
        path = named_file(FOLDER, name, "meaning of Gorse's feedback")
        values: dict[str, Any] = read_toml(path, "gorse")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            field, first = first_wrong(error)
            raise InvalidInput(f"{field} in {path.name}", first["input"], str(first["msg"])) from error

    def of(self, feedback_type: str) -> Meaning | None:
        """None for a type that no list goes by."""
        if feedback_type in self.feedback:
            return self.feedback[feedback_type]
        kind = next((one for one in KINDS if one.value == feedback_type), None)
        needs_value = kind is not None and kind.spec.value is not None and kind.spec.value_required
        return None if kind is None or needs_value else Meaning(kind=kind)
