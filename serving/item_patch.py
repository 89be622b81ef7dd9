"""The body of `PATCH /items/{item_id}`: what may be changed of an item, and what is wrong with a body that cannot be used."""

from __future__ import annotations

from typing import Any

from core import columns as c
from core.ids import PRINTABLE
from lake.item_changes import (
    CHANGEABLE,
    MAX_COST,
    MAX_GENRE,
    MAX_GENRES,
    MAX_LANGUAGE,
    MAX_MATURITY,
    MAX_PEOPLE,
    MAX_RUNTIME,
    MAX_SERIES,
    MAX_TIME,
    MAX_TITLE,
    MAX_YEAR,
    complaints,
)
from serving.http.json_body import whole
from serving.http.problems import InvalidFields, field_error
from serving.http.typed_body import object_in

_FIELDS = ", ".join(CHANGEABLE)
_NAME = {"type": "string", "minLength": 1, "maxLength": MAX_GENRE, "pattern": PRINTABLE}
_WHOLE = (c.YEAR, c.MATURITY, c.RUNTIME)
_TIME = {"type": ["number", "null"], "minimum": 0, "maximum": MAX_TIME, "description": "Unix seconds"}


def _optional(longest: int, description: str) -> dict[str, Any]:
    """The schema of a text that may be unknown."""
    return {"type": ["string", "null"], "minLength": 1, "maxLength": longest, "pattern": PRINTABLE, "description": description}


_SCHEMA: dict[str, Any] = {
    "title": "ItemChanges",
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        c.TITLE: {"type": "string", "minLength": 1, "maxLength": MAX_TITLE, "pattern": PRINTABLE, "description": "its title"},
        c.GENRES: {
            "type": "array",
            "items": _NAME,
            "maxItems": MAX_GENRES,
            "uniqueItems": True,
            "description": "the complete list",
        },
        c.YEAR: {"type": "integer", "minimum": 1, "maximum": MAX_YEAR, "description": "in which it came out"},
        c.HIDDEN: {"type": "boolean", "description": "true takes it out of every list"},
        c.MATURITY: {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_MATURITY, "description": "suitable from this age"},
        c.LANGUAGE: _optional(MAX_LANGUAGE, "of the item"),
        c.AVAILABLE_FROM: _TIME,
        c.AVAILABLE_UNTIL: _TIME,
        c.SERIES: _optional(MAX_SERIES, "that it belongs to"),
        c.PEOPLE: {"type": "array", "items": _NAME, "maxItems": MAX_PEOPLE, "uniqueItems": True, "description": "cast and crew"},
        c.COST: {"type": ["number", "null"], "minimum": 0, "maximum": MAX_COST, "description": "of the licence, for one play"},
        c.RUNTIME: {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_RUNTIME, "description": "minutes"},
    },
}
ITEM_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _SCHEMA,
                "examples": {
                    "show": {"summary": "Show it again, which is no change where it is not hidden", "value": {"hidden": False}},
                    "hide": {"summary": "Take it out of every list", "value": {"hidden": True}},
                    "correct": {"summary": "Correct its details", "value": {"title": "The Shawshank Redemption", "year": 1994}},
                },
            }
        },
    }
}


def changes_in(body: bytes) -> dict[str, object]:
    """The columns to set, by name, each with a value that an item can have.

    Raises MalformedJson, and InvalidFields that names every wrong field, or the whole body where it changes nothing.
    """
    values = object_in(body, _FIELDS, "one or more")
    unknown = [
        field_error(name[:64], value, f"no such field; {_FIELDS}") for name, value in values.items() if name not in CHANGEABLE
    ]
    known = {name: whole(value) if name in _WHOLE else value for name, value in values.items() if name in CHANGEABLE}
    wrong = [field_error(name, values[name], allowed) for name, allowed in complaints(known)]
    if unknown or wrong:
        raise InvalidFields([*unknown, *wrong])
    return known
