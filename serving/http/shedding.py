"""Refuses requests for lists before they are routed, while too many others wait.

A refusal by the service goes through every layer and back as an exception, a third of a list. Under twice as many requests as
a process can answer it would do little else.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import MarqueeError
from serving.http.again import LIST_ROUTE, LISTS
from serving.http.problems import of_error


class Shedding:
    """Asks `refusal` for each request for a list: None lets it through. Behind `RequestContext`, which counts what is refused."""

    def __init__(self, app: ASGIApp, refusal: Callable[[], MarqueeError | None]) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal() if scope["type"] == "http" and scope["path"].startswith(LISTS) else None
        if refused is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = LIST_ROUTE
        await of_error(refused, scope["state"]["request_id"])(scope, receive, send)
