"""What a list is asked for with: the query of `GET /recommend/{user_id}`, and the body of the POST, which can exclude more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError

from core.ids import Id
from serving.http.json_body import whole
from serving.http.problems import ALLOWED_IN_LIST_BODY, InvalidFields, MalformedJson, field_error

LIST_BODY_BYTES = 1_000_000  # ten thousand of the longest ids
MAX_POSITIONS = 100  # of a list, over all its pages
MAX_GENRES, MAX_LANGUAGES = 20, 20
MAX_EXCLUDED, MAX_EXCLUDED_IN_BODY = 1000, 10_000  # in a query, in a body
Year = Annotated[int, Field(ge=1, le=9999), BeforeValidator(whole)]
Age = Annotated[int, Field(ge=0, le=99), BeforeValidator(whole)]
Size = Annotated[int, Field(ge=1, le=100), BeforeValidator(whole)]
Offset = Annotated[int, Field(ge=0, le=MAX_POSITIONS - 1), BeforeValidator(whole)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class ListRequest(BaseModel):
    """What a list is asked for with. Each field means what the parameter of the GET does."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    k: Size = 20
    offset: Offset = 0
    page_of: str | None = Field(None, pattern="^[0-9a-f]{32}$")
    explain: bool = False
    trace: bool = False
    format: Literal["full", "ids"] = "full"
    genre: list[Name] = Field([], max_length=MAX_GENRES)
    exclude: Annotated[list[Id], FailFast()] = Field([], max_length=MAX_EXCLUDED_IN_BODY)
    year_min: Year | None = None
    year_max: Year | None = None
    maturity_max: Age | None = None
    language: list[Name] = Field([], max_length=MAX_LANGUAGES)


class ListQuery(ListRequest):
    """The same as the query of the GET, where everything is a string."""

    model_config = ConfigDict(strict=False)

    exclude: list[Id] = Field([], max_length=MAX_EXCLUDED)


_REPEATABLE = frozenset({"genre", "exclude", "language"})


def list_query_in(parameters: Iterable[tuple[str, str]]) -> ListQuery:
    """Raises ValueError for anything that is not as it should be, without saying what."""
    values: dict[str, Any] = {}
    for name, value in parameters:
        if name in _REPEATABLE:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise ValueError(name)
        else:
            values[name] = value
    return ListQuery.model_validate(values)


LIST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": ListRequest.model_json_schema(),
                "examples": {
                    "excluding": {"summary": "Without what is on the page", "value": {"k": 10, "exclude": [318, "SKU-42"]}}
                },
            }
        },
    }
}


def list_request_in(body: bytes) -> ListRequest:
    """Raises MalformedJson, and InvalidFields that names every wrong field."""
    try:
        values = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"{error}; send an object with some of {', '.join(ListRequest.model_fields)}") from None
    if not isinstance(values, dict):
        raise InvalidFields([field_error("body", values, f"a JSON object with some of {', '.join(ListRequest.model_fields)}")])
    try:
        return ListRequest.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        raise InvalidFields([_wrong(one) for one in wrong], len(wrong)) from None


def _wrong(entry: Any) -> dict[str, Any]:
    field = str(entry["loc"][0])[:64]
    if entry["type"] == "extra_forbidden":
        return field_error(field, entry["input"], f"no such field; {', '.join(ListRequest.model_fields)}")
    return field_error(field, entry["input"], ALLOWED_IN_LIST_BODY.get(field, str(entry["msg"])))
