"""Pure ASGI middleware: no task and no queue per request, as Starlette's BaseHTTPMiddleware would add."""

from __future__ import annotations

import logging
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import tracing
from core.logs import ACCESS_LOG, FIELDS
from core.logs import REQUEST_ID as REQUEST_ID_NOW
from core.telemetry import REQUEST_SECONDS, REQUESTS
from serving.http.problems import BodyTooLarge, of_error, problem

log = logging.getLogger(__name__)
access_log = logging.getLogger(ACCESS_LOG)

REQUEST_ID = "X-Request-Id"
SECURITY = {
    # pictures: wherever the catalogue says, over HTTPS
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: https:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
UNMATCHED = "unmatched"  # the route label of requests that match no route: as labels, their paths would be unbounded


class RequestContext:
    """Gives each request an id, counts and times it by route, adds headers, and turns a bug into a problem.

    The id becomes the `request_id` of the list that the request may produce, so it is generated here and never taken from the
    client. A list that was made for an earlier request goes by that one's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        start, status = time.perf_counter(), 0

        async def decorated(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault(REQUEST_ID, request_id)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        current = REQUEST_ID_NOW.set(request_id)
        try:
            with tracing.span(scope["method"], Headers(scope=scope).get("traceparent", "")) as span:
                try:
                    await self._app(scope, receive, decorated)
                finally:
                    if span is not None:
                        span.update_name(f"{scope['method']} {_template(scope)}")
        except Exception:
            log.exception("request %s: %s %s failed", request_id, scope["method"], scope["path"])
            if status:
                raise  # the answer is under way: all that is left is to close the connection
            await _internal_error(request_id)(scope, receive, decorated)
        finally:
            REQUEST_ID_NOW.reset(current)
            route = _template(scope)
            seconds = time.perf_counter() - start
            REQUESTS.labels(route, str(status)).inc()
            REQUEST_SECONDS.labels(route).observe(seconds)
            if access_log.isEnabledFor(logging.INFO):
                _log_access(scope, request_id, route, status, seconds)


class BodyLimit:
    """Refuses a body of more than `limit` bytes: at once by its Content-Length, else as soon as that many arrived."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > self._limit:
            await of_error(self._refusal(), scope["state"]["request_id"])(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise self._refusal()
            return message

        await self._app(scope, counted, send)

    def _refusal(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body has more than {self._limit} bytes; send fewer events at once", limit=self._limit)


def _internal_error(request_id: str) -> ASGIApp:
    detail = f"see request {request_id} in the server's log"
    return problem(500, "internal", "Something failed inside Marquee", detail, request_id)


def _log_access(scope: Scope, request_id: str, route: str, status: int, seconds: float) -> None:
    """A line with the route and not the path, which has users' ids."""
    client = scope.get("client")
    fields = {
        "request_id": request_id,
        "method": scope["method"],
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1e3, 1),
        "address": client[0] if client else "",
    }
    said = f"{fields['method']} {route} {status} {fields['milliseconds']} ms, request {request_id}, from {fields['address']}"
    access_log.info(said, extra={FIELDS: fields})


def _template(scope: Scope) -> str:
    """The path of the route with its parameters' names, so that there are as many labels as routes."""
    return str(getattr(scope.get("route"), "path_format", UNMATCHED))
