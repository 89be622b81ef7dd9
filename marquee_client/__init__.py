"""A client of Marquee's HTTP API, in two forms: `Client` waits, `AsyncClient` is awaited. docs/client.md shows both."""

from marquee_client.clients import AsyncClient, Client
from marquee_client.operations.users import Event
from marquee_client.problems import (
    BadRequest,
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotModified,
    Problem,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from marquee_client.retries import Retries

__all__ = [
    "AsyncClient",
    "BadRequest",
    "Client",
    "ClientError",
    "Conflict",
    "Event",
    "Forbidden",
    "InvalidInput",
    "NotFound",
    "NotModified",
    "Problem",
    "Retries",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
]
