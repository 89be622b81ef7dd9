"""Why a request is refused before its route looks at it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.errors import MarqueeError


class Unauthorized(MarqueeError):
    """The request says nothing, or nothing that is true, about who sends it."""

    status = 401
    slug = "unauthorized"
    title = "A key or token is required"


class Forbidden(MarqueeError):
    """Who sent it may not do this."""

    status = 403
    slug = "forbidden"
    title = "Forbidden"


class TooManyRequests(MarqueeError):
    """A user or key has used up what it may ask for; `retry_after` is in seconds."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(self, who: str, per_minute: int, retry_after: float, headers: Mapping[str, str]) -> None:
        seconds = max(1, math.ceil(retry_after))
        super().__init__(f"{who} may ask {per_minute} times a minute; ask again in {seconds} s", retry_after=seconds)
        self.headers = {"Retry-After": str(seconds), **headers}
