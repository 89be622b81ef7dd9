"""An id may have slashes, which an address has to write as %2F: a slash that is written as one parts the address.

Servers decode an address before it is routed (ASGI says so), and then the two cannot be told apart: `DELETE /users/42/history`
would erase the user `42/history`. So an encoded slash goes through the routing as a character that no id has.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

_SLASH = "\x1f"  # a control character, which no id may have
_ENCODED = re.compile(rb"%2f", re.IGNORECASE)
_AS_IT_IS = re.compile(rb"%1f", re.IGNORECASE)


class EncodedSlashes:
    """Keeps encoded slashes apart from others, in the path that is routed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or b""
        if b"%" in raw and (_ENCODED.search(raw) or _AS_IT_IS.search(raw)):
            path = _ENCODED.sub(_SLASH.encode(), _AS_IT_IS.sub(b"\x00", raw.partition(b"?")[0]))
            scope["path"] = unquote_to_bytes(path).decode("utf-8", "replace")
        await self._app(scope, receive, send)


class IdConvertor(StringConvertor):
    """A part of an address that is an id: `{user_id:id}`."""

    def convert(self, value: str) -> Any:
        return value.replace(_SLASH, "/")


def know_ids() -> None:
    """Let addresses of routes say `{user_id:id}`."""
    register_url_convertor("id", IdConvertor())
