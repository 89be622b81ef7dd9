"""What can go wrong, as exceptions: each kind of problem that the API describes has a class of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marquee_client.answers import FieldError


class ClientError(Exception):
    """The root of every error that this client raises."""


class Unreachable(ClientError):
    """No answer came: the connection failed or took too long. Whether the request was carried out is not known."""


class NotModified(ClientError):
    """The copy whose ETag was sent is still right (304)."""


class Problem(ClientError):
    """The API's own description of what went wrong (RFC 9457)."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        """`body` is the JSON object of the answer; `retry_after` are seconds, where the answer said when to ask again."""
        self.status = status
        self.type = str(body.get("type", "about:blank"))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.request_id = str(body.get("request_id", ""))
        self.errors: list[FieldError] = list(body.get("errors") or [])
        self.body = body
        self.retry_after = retry_after
        super().__init__(f"{status} {self.title}: {self.detail}" + (f" ({self.request_id})" if self.request_id else ""))

    @property
    def slug(self) -> str:
        """The last part of the type, such as `not-found`."""
        return self.type.rpartition(":")[2]


class BadRequest(Problem):
    """400: the body is not JSON."""


class Unauthorized(Problem):
    """401: a key or token is missing, or not known."""


class Forbidden(Problem):
    """403: the key or token is not for this."""


class NotFound(Problem):
    """404: a named thing is not there."""


class Conflict(Problem):
    """409: it cannot be done now, or to this."""


class InvalidInput(Problem):
    """422: a value is outside its allowed range; `errors` names it."""


class TooManyRequests(Problem):
    """429: the user or key asked too often; `retry_after` says when to ask again."""


class Unavailable(Problem):
    """503: a service that is needed does not answer, or too many requests wait."""


KINDS: Mapping[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
    429: TooManyRequests,
    503: Unavailable,
}


def problem_of(status: int, body: Mapping[str, Any], retry_after: float | None = None) -> Problem:
    """The exception of a status; `Problem` itself where there is no class for it."""
    return KINDS.get(status, Problem)(status, body, retry_after)
