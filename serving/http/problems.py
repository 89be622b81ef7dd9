"""Errors as RFC 9457 problem details: what was wrong, with which value, and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ExceptionHandler

from core import ids
from core.errors import DependencyUnavailable, InvalidInput, MarqueeError
from core.events import ID_PATTERN
from core.kinds import KINDS, value_rules
from serving.access.refusals import TooManyRequests
from serving.intake import sent

MEDIA_TYPE = "application/problem+json"
MAX_VALUE_LENGTH = 100  # maximum number of characters of a wrong value in an answer
MAX_ERRORS = 20  # maximum number of wrong fields in an answer
RETRY_AFTER = "2"  # seconds

_ID = ids.ALLOWED
_TOKEN = f"a string that matches {ID_PATTERN}"
ALLOWED = {
    "k": "an integer from 1 to 100",
    "offset": "an integer from 0 to 99",
    "page_of": "the request_id of the first page: 32 digits of 0 to 9 and a to f",
    "limit": "an integer from 1 to 100",
    "q": "1 to 200 characters",
    "name": "1 to 200 characters",
    "format": "full or ids",
    "genre": "at most 20 names",
    "exclude": f"at most 1000 ids, each {_ID}",
    "year_min": "an integer from 1 to 9999",
    "year_max": "an integer from 1 to 9999",
    "maturity_max": "an age in years, an integer from 0 to 99",
    "language": "at most 20 names",
    "explain": "true or false",
    "trace": "true or false",
    "x-experiment-variant": "experiment:variant, several with commas",
    "user_id": _ID,
    "item_id": _ID,
    "schema_version": "1",
    "event_id": _TOKEN,
    "request_id": f"{_TOKEN}, or null",
    "kind": "one of " + ", ".join(kind.value for kind in KINDS),
    "value": f"a finite number: {value_rules()}",
    "ts": sent.ALLOWED_TS,
}


ALLOWED_IN_LIST_BODY = ALLOWED | {"exclude": f"a list of at most 10000 ids, each {_ID}", "genre": "a list of at most 20 names"}


class MalformedJson(MarqueeError):
    """The body is not JSON."""

    status = 400
    slug = "malformed-json"
    title = "The body is not JSON"


class BodyTooLarge(MarqueeError):
    """The body is larger than the server accepts."""

    status = 413
    slug = "body-too-large"
    title = "The body is too large"


class InvalidFields(MarqueeError):
    """One or more fields break their contract; `errors` names them."""

    status = 422
    slug = "invalid-input"
    title = InvalidInput.title

    def __init__(self, errors: Sequence[Mapping[str, Any]], total: int | None = None) -> None:
        """`errors` has entries of `field_error`; `total` is how many there were before the list was cut."""
        shown = list(errors[:MAX_ERRORS])
        first = shown[0]
        where = f"event {first['index']}: " if "index" in first else ""
        extra: dict[str, Any] = {"errors": shown}
        if (total or len(errors)) > len(shown):
            extra["more_errors"] = (total or len(errors)) - len(shown)
        super().__init__(f"{where}{first['field']} is {first['value']!r}; allowed: {first['allowed']}", **extra)


def problem(status: int, slug: str, title: str, detail: str, request_id: str, **extensions: Any) -> Response:
    """One problem as a response. `extensions` become members of the JSON object."""
    body = {
        "type": f"urn:marquee:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **extensions,
    }
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = RETRY_AFTER
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="marquee"'
    if status in (408, 413):
        headers["Connection"] = "close"  # what is left of the body is not read
    return Response(orjson.dumps(body, default=repr), status, headers, MEDIA_TYPE)


def of_error(error: MarqueeError, request_id: str) -> Response:
    """A typed error as a response."""
    extensions = dict(error.extensions)
    if isinstance(error, InvalidInput):
        field = extensions.pop("field")
        extensions = {"errors": [{"field": field, "value": extensions["value"], "allowed": extensions["allowed"]}]}
    if isinstance(error, DependencyUnavailable):
        extensions["retry_after"] = int(RETRY_AFTER)
    answer = problem(error.status, error.slug, error.title, error.detail, request_id, **extensions)
    if isinstance(error, TooManyRequests):
        answer.headers.update(error.headers)
    return answer


def field_error(field: str, value: Any, allowed: str) -> dict[str, Any]:
    """One entry of a problem's `errors`."""
    return {"field": field, "value": plain(value), "allowed": allowed}


def plain(value: Any) -> Any:
    """A wrong value in a form that is JSON, short, and recognisable to its sender."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= ids.MAX_INTEGER else _cut(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _cut(value if isinstance(value, str) else repr(value))


def install(app: FastAPI, routes: Sequence[tuple[str, str]] = ()) -> None:
    """Answer every error of routing, validation and the domain as a problem. Unexpected exceptions are left to the middleware.

    `routes` are (method, path) of all of them: the framework knows only the methods of the first one that has the path.
    """
    app.state.routes = routes
    app.add_exception_handler(HTTPException, cast("ExceptionHandler", _on_http))
    app.add_exception_handler(RequestValidationError, cast("ExceptionHandler", _on_validation))
    app.add_exception_handler(MarqueeError, cast("ExceptionHandler", _on_domain))


def request_id_of(request: Request) -> str:
    """The id that the middleware gave the request."""
    return str(request.state.request_id)


async def _on_http(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        path = getattr(request.scope.get("route"), "path_format", "")
        headers["Allow"] = (
            ", ".join(sorted(method for method, known in request.app.state.routes if known == path)) or headers["Allow"]
        )
    response = problem(error.status_code, *_http_words(request, error, headers), request_id_of(request))
    response.headers.update(headers)
    return response


async def _on_validation(request: Request, error: RequestValidationError) -> Response:
    return of_error(InvalidFields([_parameter_error(entry) for entry in error.errors()]), request_id_of(request))


async def _on_domain(request: Request, error: MarqueeError) -> Response:
    return of_error(error, request_id_of(request))


def _http_words(request: Request, error: HTTPException, headers: Mapping[str, str]) -> tuple[str, str, str]:
    """(slug, title, detail) of an error that the framework raised."""
    path = plain((request.scope.get("raw_path") or request.url.path.encode()).decode("ascii", "replace"))
    if error.status_code == 404:
        return "unknown-route", "There is no such route", f"there is nothing at {path}; see /docs"
    if error.status_code == 405:
        words = f"{path} accepts {headers['Allow']}, not {request.method}"
        return "method-not-allowed", "This route does not support this method", words
    phrase = HTTPStatus(error.status_code).phrase
    return phrase.lower().replace(" ", "-"), phrase, str(error.detail)


def _parameter_error(entry: Mapping[str, Any]) -> dict[str, Any]:
    field = str(entry["loc"][1])  # after "path" or "query"; for a repeated parameter its index in the list may follow
    return field_error(field, entry.get("input"), ALLOWED.get(field, str(entry["msg"])))


def _cut(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}… ({len(text)} characters)"
