"""Answers that are the same for everybody, so that a browser or a CDN may hold them (RFC 9110, section 8.8; RFC 9111)."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from starlette.responses import Response

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "What `If-None-Match` names is still right; no body"}}


def held(body: object, seconds: int, if_none_match: str | None, *, public: bool) -> Response:
    """JSON with an `ETag`, which a client may hold for so many seconds, and where it is `public` anything in between too.

    304 without a body where the client has it already.
    """
    content = orjson.dumps(body)
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"Cache-Control": f"{'public' if public else 'private'}, max-age={seconds}", "ETag": tag}
    if if_none_match is not None and _names(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def _names(if_none_match: str, tag: str) -> bool:
    """The weak comparison: a tag of a copy that a proxy has packed (`W/`) is the same."""
    return if_none_match.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
