"""The short way of a list that is shown again: one round trip to Redis, and nothing else that grows with what a list is.

Routing, parameters and the unpacking of features cost several times what it costs to look whether the list of a moment ago still
holds. So a request that was answered with a list that is kept is known by its address, as it came
over the wire. The next one of the same address asks, in one round trip, whether the user may ask at all and what is stored of
them; where that is what the list was made from, byte for byte, the list is sent as it was. Any other request goes the long way,
and so does one that says anything more than its address and who sends it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

from cachetools import LRUCache
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from core.errors import DependencyUnavailable, MarqueeError
from serving.access.callers import Scope
from serving.access.control import AccessControl
from serving.access.rates import Allowance
from serving.http.problems import of_error
from serving.lists.asked import Asked
from serving.lists.list_cache import Answer
from serving.lists.service import RecommendService

LISTS = "/recommend/"
LIST_ROUTE = SimpleNamespace(path_format="/recommend/{user_id}")  # by which a request is counted that no route has
ADDRESSES, LONGEST = 20_000, 512  # that are known, and the longest of them, in bytes
FORCED = b"x-experiment-variant"
Address = tuple[bytes, bytes]  # path and query, as they were sent


class ShownAgain(NamedTuple):
    """What a list that is sent has beside itself."""

    answer: Answer
    allowance: Allowance | None


class KnownAddresses:
    """What was asked for by the addresses of lists that are kept. Used from the event loop alone."""

    def __init__(self) -> None:
        self._asked: LRUCache[Address, Asked] = LRUCache(ADDRESSES)

    def remember(self, scope: AsgiScope, asked: Asked) -> None:
        """This request was answered with a list that is kept."""
        address = _address(scope)
        if sum(map(len, address)) <= LONGEST:
            self._asked[address] = asked

    def of(self, scope: AsgiScope) -> Asked | None:
        return self._asked.get(_address(scope))


class Again:
    """Answers with lists that still hold. Behind `RequestContext`, which gives ids and counts."""

    def __init__(self, app: ASGIApp, service: RecommendService, access: AccessControl, known: KnownAddresses) -> None:
        self._app = app
        self._service = service
        self._access = access
        self._known = known

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        asked = self._known.of(scope) if _for_a_list(scope) else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        try:
            found = await self._found(scope, asked)
        except MarqueeError as error:
            scope["route"] = LIST_ROUTE
            await of_error(error, scope["state"]["request_id"])(scope, receive, send)
            return
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = LIST_ROUTE
        await send({"type": "http.response.start", "status": 200, "headers": _headers(found)})
        await send({"type": "http.response.body", "body": found.answer.body})

    async def _found(self, scope: AsgiScope, asked: Asked) -> ShownAgain | None:
        """None where a new list has to be made. Raises what the access control raises."""
        stored = self._service.features.ask(asked.key)  # is on its way while the access control asks
        try:
            admitted = await self._access.admit(Headers(scope=scope), Scope.READ, asked.user, (scope.get("client") or [None])[0])
        except BaseException:
            stored.close()
            raise
        scope["state"]["admitted"] = admitted
        try:
            answer = self._service.again(asked, await stored)
        except DependencyUnavailable:
            return None
        return None if answer is None else ShownAgain(answer, admitted[1])


def _for_a_list(scope: AsgiScope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"].startswith(LISTS)
        and all(name != FORCED for name, _ in scope["headers"])
    )


def _address(scope: AsgiScope) -> Address:
    return scope.get("raw_path") or scope["path"].encode(), scope["query_string"]


def _headers(found: ShownAgain) -> list[tuple[bytes, bytes]]:
    body, request_id, age = found.answer
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"age", str(round(age)).encode()),
        (b"x-request-id", request_id.encode()),
    ]
    if found.allowance is not None:
        headers += [(name.lower().encode(), value.encode()) for name, value in found.allowance.headers.items()]
    return headers
