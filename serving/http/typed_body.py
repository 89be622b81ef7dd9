"""A JSON body as a model, or a problem that names every wrong field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from serving.http.parameters import MAX_NAME_LENGTH
from serving.http.problems import InvalidFields, MalformedJson, field_error

Model = TypeVar("Model", bound=BaseModel)


def typed_body(body: bytes, model: type[Model], allowed: Mapping[str, str]) -> Model:
    """`allowed` says in words what each field may be. Raises MalformedJson, and InvalidFields that names every wrong field."""
    names = ", ".join(model.model_fields)
    try:
        values = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"{error}; send an object with some of {names}") from None
    if not isinstance(values, dict):
        raise InvalidFields([field_error("body", values, f"a JSON object with some of {names}")])
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        raise InvalidFields([_wrong(one, names, allowed) for one in wrong], len(wrong)) from None


def body_schema(model: type[BaseModel], examples: Mapping[str, object], required: bool = True) -> dict[str, Any]:
    """What a route says of such a body in the OpenAPI document. `examples`: a line that says what one does -> the body."""
    named = {f"example{at}": {"summary": summary, "value": value} for at, (summary, value) in enumerate(examples.items(), 1)}
    content = {"application/json": {"schema": model.model_json_schema(), "examples": named}}
    return {"requestBody": {"required": required, "content": content}}


def _wrong(entry: Any, names: str, allowed: Mapping[str, str]) -> dict[str, Any]:
    field = str(entry["loc"][0] if entry["loc"] else "body")[:MAX_NAME_LENGTH]
    if entry["type"] == "extra_forbidden" and len(entry["loc"]) == 1:
        return field_error(field, entry["input"], f"no such field; {names}")
    return field_error(field, entry["input"], allowed.get(field, str(entry["msg"])))
