"""Refuses requests for lists before they are routed, while too many others wait.

A refusal by the service goes through every layer and back as an exception, a third of a list. Under twice as many requests as
a process can answer it would do little else. This one is some 30 us of what is needed to read and answer a request at all.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import MarqueeError
from core.telemetry import REQUEST_SECONDS, REQUESTS
from serving.http.problems import of_error

_LISTS = "/recommend/"
_ROUTE = "/recommend/{user_id}"


class Shedding:
    """Asks `refusal` for each request for a list: None lets it through."""

    def __init__(self, app: ASGIApp, refusal: Callable[[], MarqueeError | None]) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal() if scope["type"] == "http" and scope["path"].startswith(_LISTS) else None
        if refused is None:
            await self._app(scope, receive, send)
            return
        start, request_id = time.perf_counter(), uuid.uuid4().hex
        answer = of_error(refused, request_id)
        answer.headers["X-Request-Id"] = request_id
        await answer(scope, receive, send)
        REQUESTS.labels(_ROUTE, str(refused.status)).inc()
        REQUEST_SECONDS.labels(_ROUTE).observe(time.perf_counter() - start)
