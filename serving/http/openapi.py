"""The OpenAPI document: problems for errors, the event contract for the one body that FastAPI does not parse, and examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.events import ClockRule
from serving.access.callers import Scope
from serving.access.scopes import SCOPES
from serving.http.links import linked
from serving.http.problems import MEDIA_TYPE
from serving.http.try_out import Known, tried
from serving.intake.event_schema import with_rules
from serving.intake.sent import Interaction
from serving.models import Problem

_REF = "#/components/schemas/{model}"
_BATCH = "InteractionBatch"  # the array of interactions, whose bound is a setting
DESCRIPTION = """Recommendation lists of films that react to every event, and the intake of those events.

Send a list's `request_id` with the events that respond to it. Errors are RFC 9457 problem details."""

TAGS = [
    {"name": "lists", "description": "What to show to a user"},
    {"name": "events", "description": "What users did"},
    {"name": "catalogue", "description": "Films"},
    {"name": "users", "description": "What is known about a user"},
    {"name": "operations", "description": "Health, metrics, versions"},
]

SECURITY_SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "a key of `marquee keys create`"},
    "AdminKey": {"type": "apiKey", "in": "header", "name": "X-Admin-Key", "description": "MARQUEE_ADMIN_KEY: every scope"},
    "Token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "a user's token, for that user's data"},
}

PROBLEMS = {
    400: "The body is not JSON",
    401: "A key or token is missing, or not known",
    403: "The key or token is not for this",
    404: "Not found",
    408: "The body took too long to arrive",
    409: "It cannot be done now, or to this: `detail` says why; nothing was changed",
    413: "The body is too large",
    415: "The body is not sent as plain JSON: another content-type, or packed",
    422: "A value is outside its allowed range; `errors` names it",
    429: "The user or key has asked too often; `Retry-After` says when to ask again",
    503: "A required service is unavailable, or too many requests wait; `Retry-After` says when to retry",
}

_RATING = {"user_id": 42, "item_id": 318, "kind": "rating", "value": 4.5}
_WATCH = {"event_id": "tv-7f3a", "user_id": 42, "item_id": 858, "kind": "watch", "value": 96.0, "ts": 1_700_000_000.0}
_ZONED = {"user_id": "anna@example.com", "item_id": "SKU-0042", "kind": "purchase", "ts": "2023-11-26T12:00:00+01:00"}
EVENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"$ref": _REF.format(model="Interaction")},
                        {"$ref": _REF.format(model=_BATCH)},
                    ]
                },
                "examples": {
                    "one": {"summary": "One rating", "value": _RATING},
                    "zone": {"summary": "A time with its zone, and ids that are not integers", "value": _ZONED},
                    "several": {"summary": "Several at once", "value": [_RATING, _WATCH]},
                },
            }
        },
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route."""
    schema = {"$ref": _REF.format(model="Problem")}
    return {status: {"description": PROBLEMS[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


def answers(
    model: type[BaseModel] | UnionType, example: object, description: str, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """The good response of a route."""
    return {status: {"model": model, "description": description, "content": {"application/json": {"example": example}}}}


@dataclass(frozen=True)
class Facts:
    """What the document says beyond the routes.

    `open_to_all`: routes that need no more than `read` or `events` also answer without a key. `known` is asked each time: lists
    and releases come and go.
    """

    max_batch_events: int
    clock_rule: ClockRule
    open_to_all: bool
    known: Callable[[], Known]
    routes: Sequence[APIRoute] = ()


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: short, and the same wherever the route is. A test holds the whole list."""
    return route.name


def describe(app: FastAPI, facts: Facts) -> None:
    """Make the app's document complete: what no single route says is added to it."""
    made: list[Known] = []

    def document() -> dict[str, Any]:
        known = facts.known()
        if app.openapi_schema is None or made[-1:] != [known]:
            plain = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS)
            complete = _guarded(_one_of(_without_null(_complete(_examples_of(facts.routes, plain), facts))), facts.open_to_all)
            app.openapi_schema = tried(linked(complete), known)
            made[:] = [known]
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _examples_of(routes: Sequence[APIRoute], document: dict[str, Any]) -> dict[str, Any]:
    """With the examples of answers as they are: FastAPI leaves out what is null, and then they break their schemas."""
    for route in routes:
        for method in route.methods or ():
            described = document["paths"][route.path_format][method.lower()]["responses"]
            for status, answer in route.responses.items():
                for media, content in answer.get("content", {}).items():
                    if "example" in content:
                        described[str(status)]["content"][media]["example"] = content["example"]
    return document


def _complete(document: dict[str, Any], facts: Facts) -> dict[str, Any]:
    _, extra = models_json_schema([(Interaction, "validation"), (Problem, "validation")], ref_template=_REF)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(extra["$defs"])
    schemas["Interaction"] = with_rules(schemas["Interaction"], facts.clock_rule)
    schemas[_BATCH] = {"type": "array", "items": {"$ref": _REF.format(model="Interaction")}, "maxItems": facts.max_batch_events}
    return document


def _without_null(document: dict[str, Any]) -> dict[str, Any]:
    """In a query or a header nothing is null: what may be left out is left out."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
                if len(kinds) == 1:
                    parameter["schema"] = {name: value for name, value in schema.items() if name != "anyOf"} | kinds[0]
    return document


def _one_of(document: dict[str, Any]) -> dict[str, Any]:
    """An answer that is one of several is exactly one of them."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for answer in operation["responses"].values():
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                if "anyOf" in schema:
                    schema["oneOf"] = schema.pop("anyOf")
    return document


def _guarded(document: dict[str, Any], open_to_all: bool) -> dict[str, Any]:
    """With what each route needs, and how it is refused."""
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    refused = {str(status): answer for status, answer in problems(401, 403, 429).items()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = SCOPES[method.upper(), path]
            if scope is None:
                continue
            schemes = ("AdminKey", "ApiKey") if scope is Scope.ADMIN else ("ApiKey", "Token")
            nobody: list[dict[str, list[str]]] = [{}] if open_to_all and scope is not Scope.ADMIN else []
            operation["security"] = nobody + [{scheme: []} for scheme in schemes]
            operation["responses"] = dict(sorted((operation["responses"] | refused).items()))
    return document
