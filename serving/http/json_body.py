"""A body as bytes of JSON in which nothing is ambiguous: of the right media type, not packed, with no key twice in one object.

Which of two values of one key counts is up to the parser (RFC 8259, section 4), so that a gateway and Marquee could read two
different events. Packed bodies are refused rather than unpacked: a kilobyte can become a gigabyte.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import Request

from core.errors import MarqueeError
from serving.http.parameters import MAX_NAME_LENGTH
from serving.http.problems import BodyTooLarge, InvalidFields, field_error

SECONDS = 30.0  # that a body may take to arrive
MAX_BYTES = 65_536  # of a body that is read in one go
MAX_FIELDS = 100  # of an object in one: what is wrong with each is said, or at least counted


def whole(value: Any) -> Any:
    """43 for 43.0, which is an integer in JSON Schema; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class UnsupportedMediaType(MarqueeError):
    """The body is not sent as plain JSON."""

    status = 415
    slug = "unsupported-media-type"
    title = "The body is not sent as JSON"


class BodyTooSlow(MarqueeError):
    """The body takes too long to arrive."""

    status = 408
    slug = "request-timeout"
    title = "Request Timeout"


async def json_body(request: Request, limit: int = MAX_BYTES) -> bytes:
    """The body, of at most `limit` bytes: it is read in one go, during which nobody else is answered.

    Raises BodyTooSlow, UnsupportedMediaType, BodyTooLarge, and InvalidFields for a key that an object has twice and for an object
    of too many. Whether it is JSON at all is left to whoever reads it.
    """
    body = await sent_body(request)
    if len(body) > limit:
        raise BodyTooLarge(f"the body has more than {limit} bytes", limit=limit)
    twice = key_twice_in(body)
    if twice is not None:
        raise InvalidFields([field_error(twice[:MAX_NAME_LENGTH], "sent twice", "each key once in an object")])
    return body


async def sent_body(request: Request) -> bytes:
    """The body as it came. Raises BodyTooSlow, UnsupportedMediaType."""
    try:
        async with asyncio.timeout(SECONDS):
            body = await request.body()
    except TimeoutError:
        raise BodyTooSlow(f"the body did not arrive within {SECONDS:g} s") from None
    if body:
        _check_headers(request)
    return body


def key_twice_in(body: bytes) -> str | None:
    """The first key that an object of the body has twice; None if there is none, and of what is not JSON."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > MAX_FIELDS:
            raise InvalidFields([field_error("body", f"an object with {len(pairs)} fields", f"at most {MAX_FIELDS} fields")])
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found.append(name)
                return
            seen.add(name)

    try:
        json.loads(body, object_pairs_hook=look, parse_int=len, parse_float=len)  # numbers may have any length: nobody reads them
    except (ValueError, RecursionError):
        return None
    return found[0] if found else None


def _check_headers(request: Request) -> None:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType(f"its content-type is {kind[:MAX_NAME_LENGTH]!r}; send application/json")
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed != "identity":
        raise UnsupportedMediaType(f"its content-encoding is {packed[:MAX_NAME_LENGTH]!r}; send it as it is")
