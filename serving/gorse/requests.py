"""A request to Gorse's API: who may send it, what its parameters are, and how it is answered or refused."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from core.errors import MarqueeError
from core.ids import ExternalId, parse_id
from serving.access.callers import Scope
from serving.access.control import ADMIN_HEADER, KEY_HEADER
from serving.gorse.records import BadRequest

if TYPE_CHECKING:
    from serving.routes.api import Api

DEFAULT_N = 10
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[object]]


class Label(NamedTuple):
    """What metrics and traces call the route."""

    path_format: str


def answered(handler: Handler, scope: Scope | None, path: str, api: Api) -> Callable[[Request], Awaitable[Response]]:
    """A route: admitted, run, and answered in JSON; what goes wrong is text, as Gorse writes it."""

    async def endpoint(request: Request) -> Response:
        request.scope["route"] = Label(f"/api{path}")
        status = 500
        caller: str | None = None
        try:
            caller = await _admitted(request, scope, api)
            found = await handler(request)
            status = 200
            return found if isinstance(found, Response) else Response(orjson.dumps(found), media_type="application/json")
        except BadRequest as error:
            status = 400
            return Response(str(error), status, media_type="text/plain")
        except MarqueeError as error:
            status = 400 if error.status in (409, 422) else error.status
            headers = {"Retry-After": "2"} if status == 503 else {}
            return Response(error.detail, status, headers, "text/plain")
        finally:
            if scope is Scope.ADMIN and caller is not None:
                await _audit(request, api, caller, path, status)

    return endpoint


async def body_of(request: Request) -> Any:
    """Raises BadRequest."""
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON: {error}") from None


def number(request: Request, name: str, fallback: int) -> int:
    """Raises BadRequest."""
    text = request.query_params.get(name, "")
    if not text:
        return fallback
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise BadRequest(f'strconv.Atoi: parsing "{text[:50]}": invalid syntax')
    return int(text)


def duration(text: str) -> float:
    """Seconds of what Go writes as 1h30m0s. Raises BadRequest."""
    if text in ("", "0"):
        return 0.0
    if not re.fullmatch(rf"(?:{_DURATION.pattern})+", text):
        raise BadRequest(f'time: invalid duration "{text[:50]}"')
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


async def _admitted(request: Request, scope: Scope | None, api: Api) -> str | None:
    """The caller's name; None where nobody is asked who they are. Raises what access control does."""
    access = api.access
    secured = not access.open_to_all or access.admin_key is not None or bool(access.keys.all())
    if scope is None or not secured:  # Gorse without an api_key lets everybody in
        return None
    headers = {name.lower(): value for name, value in request.headers.items()}
    key = headers.pop(KEY_HEADER, "")
    if key:
        headers |= {ADMIN_HEADER: key} if key == access.admin_key else {KEY_HEADER: key}
    caller, _ = await access.admit(headers, scope, _user(request))
    return caller.name or "nobody"


async def _audit(request: Request, api: Api, caller: str, path: str, status: int) -> None:
    entry = {
        "caller": caller,
        "method": request.method,
        "route": f"/api{path}",
        **{name: value for name, value in request.path_params.items() if name != "user_id"},
        "status": status,
        "address": request.client.host if request.client else None,
        "request_id": request.scope["state"]["request_id"],
    }
    try:
        await asyncio.to_thread(api.access.audit.add, entry)
    except OSError as error:  # it is done already: this process's log is what is left
        _log.error("the audit log cannot be written (%s): %s", error, entry)


def _user(request: Request) -> ExternalId | None:
    try:
        return parse_id(request.path_params["user_id"])
    except (KeyError, ValueError):
        return None
