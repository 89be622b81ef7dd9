"""A route that runs only for who may use it: that is asked before parameters and body are looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from core.errors import MarqueeError
from core.ids import ExternalId, parse_id
from serving.access.callers import Caller, Scope
from serving.access.control import AccessControl
from serving.access.scopes import SCOPES
from serving.http.problems import request_id_of

log = logging.getLogger(__name__)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """Behind the access control of `app.state.api`. Raises KeyError where `SCOPES` does not say what the route needs."""

    def get_route_handler(self) -> Handler:
        method = "".join(self.methods or ())  # one, because each function answers one method
        scope, inner = SCOPES[method, self.path_format], self.inner_handler()
        return inner if scope is None else _guarded(inner, scope)

    def inner_handler(self) -> Handler:
        """What runs once the request is admitted."""
        return super().get_route_handler()


def caller_of(request: Request) -> Caller:
    """Who sent a request that was admitted."""
    caller: Caller = request.state.caller
    return caller


def user_meant(request: Request, named: ExternalId | None) -> ExternalId | None:
    """The user whom a request names outside its path; with a user's token and no name that user. Raises Forbidden."""
    caller = caller_of(request)
    if named is None:
        return caller.user
    caller.require_touch(named)
    return named


def _guarded(inner: Handler, scope: Scope) -> Handler:
    async def handler(request: Request) -> Response:
        access: AccessControl = request.app.state.api.access
        known = request.scope["state"].get("admitted")  # of a list that could not be shown again
        request.state.caller, allowance = known or await access.admit(request.headers, scope, _user(request), _address(request))
        answer = await (_audited(inner, request, access) if scope is Scope.ADMIN else inner(request))
        if allowance is not None:
            answer.headers.update(allowance.headers)
        return answer

    return handler


async def _audited(inner: Handler, request: Request, access: AccessControl) -> Response:
    """What an operator asked for, done, and put down with what became of it."""
    status = 500
    try:
        answer = await inner(request)
        status = answer.status_code
        return answer
    except (MarqueeError, RequestValidationError) as error:
        status = error.status if isinstance(error, MarqueeError) else 422
        raise
    finally:
        entry = {
            "caller": caller_of(request).name,
            "method": request.method,
            "route": request.scope["route"].path_format,
            **{name: value for name, value in request.path_params.items() if name != "user_id"},
            "status": status,
            "address": _address(request),
            "request_id": request_id_of(request),
        }
        try:
            await asyncio.to_thread(access.audit.add, entry)
        except OSError as error:  # it is done already: this process's log is what is left
            log.error("the audit log cannot be written (%s): %s", error, entry)


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def _user(request: Request) -> ExternalId | None:
    """Whom the address says that the request is about; None also for what is no id, which the route refuses."""
    named = request.path_params.get("user_id") or request.query_params.get("user_id")
    try:
        return parse_id(named)
    except ValueError:
        return None
