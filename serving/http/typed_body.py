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
    values = object_in(body, names) if body.strip() else {}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        raise InvalidFields([_wrong(one, names, allowed) for one in wrong], len(wrong)) from None


def object_in(body: bytes, names: str, how_many: str = "some") -> dict[str, Any]:
    """The JSON object that a body is, which may have `how_many` ("some", "one or more") of the fields of these `names`.

    Raises MalformedJson, and InvalidFields for anything else, which is also an object without a field where it has to have one.
    """
    try:
        sent = orjson.loads(body) if body.strip() else None
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"{error}; send an object with some of {names}") from None
    if not isinstance(sent, dict) or (how_many != "some" and not sent):
        raise InvalidFields([field_error("body", sent, f"a JSON object with {how_many} of {names}")])
    return sent


def text_in(body: bytes, field: str, least: int, most: int) -> str | None:
    """The text of the one field that a body may have, of so many characters; None where it has none.

    Raises MalformedJson, InvalidFields.
    """
    if not body.strip():
        return None
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"{error}; send nothing, or an object with {field}") from None
    if not isinstance(sent, dict) or sent.keys() - {field}:
        raise InvalidFields([field_error("body", sent, f"nothing, or a JSON object with {field} and nothing else")])
    if field not in sent:
        return None
    text = sent[field]
    if not isinstance(text, str) or not least <= len(text) <= most:
        allowed = f"{least} to {most}" if least else f"up to {most}"
        raise InvalidFields([field_error(field, text, f"a string of {allowed} characters")])
    return text


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
