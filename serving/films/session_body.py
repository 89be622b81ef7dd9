"""The body of `POST /session/recommend`: a list for somebody who has no id, from what they did in this visit."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema, model_validator

from core.ids import ID_SCHEMA, Id
from core.kinds import KINDS, Kind, KindSpec, value_rules
from serving.http.problems import ALLOWED_IN_LIST_BODY
from serving.http.typed_body import body_schema, typed_body
from serving.list_body import ABOUT, MAX_EXCLUDED_IN_BODY, MAX_GENRES, Name, Size, Year

MAX_EVENTS = 200  # what the user tower reads
_EVENT = "an item's id, or an object with item_id and perhaps kind and value"


class SessionEvent(BaseModel):
    """One thing that somebody did. Without a kind it stands for a liking."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    item_id: Id
    kind: Annotated[Kind, BeforeValidator(lambda raw: Kind(raw) if isinstance(raw, str) else raw)] | None = None
    value: Annotated[float, Field(strict=False, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _value_fits_kind(self) -> SessionEvent:
        spec = KindSpec(-1) if self.kind is None else self.kind.spec
        if complaint := spec.complaint(self.kind or "none", self.value):
            raise ValueError(complaint)
        return self


def _value_of(spec: KindSpec) -> dict[str, Any]:
    if spec.value is None:
        return {"type": "null"}
    kind = "number" if spec.value_required else ["number", "null"]
    return {"type": kind, "minimum": spec.value.low, "maximum": spec.value.high}


def _object(kind: Kind) -> dict[str, Any]:
    needs_value = kind.spec.value is not None and kind.spec.value_required
    return {
        "type": "object",
        "properties": {"item_id": ID_SCHEMA, "kind": {"const": kind.value}, "value": _value_of(kind.spec)},
        "required": ["item_id", "kind", *(["value"] if needs_value else [])],
        "additionalProperties": False,
    }


_LIKING = {
    "type": "object",
    "properties": {"item_id": ID_SCHEMA, "kind": {"type": "null"}, "value": {"type": "null"}},
    "required": ["item_id"],
    "additionalProperties": False,
}
_EVENT_SCHEMA = {"anyOf": [*ID_SCHEMA["anyOf"], _LIKING, *map(_object, KINDS)]}
_Event = Annotated[
    SessionEvent,
    BeforeValidator(lambda raw: raw if isinstance(raw, dict) else {"item_id": raw}),
    WithJsonSchema(_EVENT_SCHEMA),
]


class SessionRequest(BaseModel):
    """What a list is made from, and what it must keep to."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    items: Annotated[list[_Event], FailFast()] = Field(max_length=MAX_EVENTS, description="what was done, oldest first")
    k: Size = Field(20, description=ABOUT["k"])
    genre: list[Name] = Field([], max_length=MAX_GENRES, description=ABOUT["genre"])
    exclude: Annotated[list[Id], FailFast()] = Field([], max_length=MAX_EXCLUDED_IN_BODY, description=ABOUT["exclude"])
    year_min: Year | None = Field(None, description=ABOUT["year_min"])
    year_max: Year | None = Field(None, description=ABOUT["year_max"])
    explain: bool = Field(False, description=ABOUT["explain"])
    trace: bool = Field(False, description=ABOUT["trace"])


SESSION_BODY = body_schema(
    SessionRequest,
    {
        "Films that somebody liked": {"items": [318, 50], "k": 10},
        "What somebody did": {"items": [{"item_id": 318, "kind": "rating", "value": 4.5}, {"item_id": 50, "kind": "view"}]},
    },
)
_ALLOWED = ALLOWED_IN_LIST_BODY | {
    "items": f"a list of at most {MAX_EVENTS}, each {_EVENT}; value: {value_rules()}",
}


def session_request_in(body: bytes) -> SessionRequest:
    """Raises MalformedJson, and InvalidFields that names every wrong field."""
    return typed_body(body, SessionRequest, _ALLOWED)
