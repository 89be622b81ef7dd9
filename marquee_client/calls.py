"""A request before it is sent: what the two clients have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from marquee_client.ids import Id
from marquee_client.problems import NotModified, Problem, problem_of
from marquee_client.retries import seconds_of

T = TypeVar("T")
Query = Mapping[str, Any]


def json_of(response: httpx.Response) -> Any:
    """The answer of most operations."""
    return response.json()


@dataclass(frozen=True)
class Call(Generic[T]):
    """One operation with its parameters. `repeatable`: sending it twice does no more than sending it once."""

    operation: str
    method: str
    path: str
    query: Query = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    repeatable: bool = True
    answers: frozenset[int] = frozenset({200, 202})  # statuses whose body is the answer
    read: Callable[[httpx.Response], T] = json_of

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Parameters that are None, and lists without entries, are left out."""
        sent = {name: _plain(value) for name, value in self.query.items() if value is not None and value != []}
        body: dict[str, Any] = {} if self.body is None else {"json": self.body}
        return client.build_request(self.method, self.path, params=sent, headers=dict(self.headers), **body)

    def answer(self, response: httpx.Response) -> T:
        """Raises Problem, NotModified."""
        if response.status_code in self.answers:
            return self.read(response)
        if response.status_code == 304:
            raise NotModified(self.path)
        raise problem_in(response)


def problem_in(response: httpx.Response) -> Problem:
    """Also of an answer that is none of the API's, such as a proxy's page."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {"title": response.reason_phrase, "detail": response.text[:200]}
    return problem_of(response.status_code, body, seconds_of(response.headers.get("retry-after")))


def part(id_: Id) -> str:
    """An id or a name within an address."""
    return quote(str(id_), safe="")


def only(**values: object) -> dict[str, object]:
    """The values that are given."""
    return {name: value for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [_plain(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
