"""The two clients: one that waits for each answer, and one for programs that do other things meanwhile.

Both have a method for every operation of the API, with the same names and parameters.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from marquee_client.calls import Call
from marquee_client.operations import catalogue, lists, operate
from marquee_client.operations import users as of_users
from marquee_client.problems import Unreachable
from marquee_client.retries import Retries, seconds_of

P = ParamSpec("P")
T = TypeVar("T")
SECONDS = 10.0  # that an answer may take
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _Sync(Generic[P, T]):
    """A function that makes a call, as a method that answers it."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    def __get__(self, client: Client | None, owner: type) -> Self | Callable[P, T]:
        if client is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return client.send(self._make(*args, **kwargs))

        method.__doc__ = self.__doc__
        return method


class _Async(Generic[P, T]):
    """The same for a client whose answers are awaited."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: AsyncClient | None, owner: type) -> Self | Callable[P, Awaitable[T]]:
        if client is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
            return client.send(self._make(*args, **kwargs))

        method.__doc__ = self.__doc__
        return method


class Client:
    """Asks a Marquee, and waits. Thread-safe; close it, or use it as a context manager."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        token: str | None = None,
        admin_key: str | None = None,
        timeout: float = SECONDS,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`api_key` of `marquee keys create`, or a user's `token`; `timeout` in seconds for each attempt."""
        self.retries = retries or Retries()
        self.http = httpx.Client(base_url=url, headers=_keys(api_key, token, admin_key), timeout=timeout, transport=transport)

    def send(self, call: Call[T]) -> T:
        """The answer to a call. Raises Problem, NotModified, Unreachable."""
        attempt = 1
        while True:
            try:
                response = self.http.send(call.request(self.http))
            except httpx.TransportError as error:
                pause = self.retries.after_failure(attempt, not isinstance(error, NEVER_SENT), call.repeatable)
                if pause is None:
                    raise Unreachable(f"{call.operation}: {error!r}") from error
            else:
                pause = _pause(self.retries, attempt, response, call)
                if pause is None:
                    return call.answer(response)
            time.sleep(pause)
            attempt += 1

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    # lists
    recommend = _Sync(lists.recommend)
    recommend_ids = _Sync(lists.recommend_ids)
    recommend_with_body = _Sync(lists.recommend_with_body)
    why = _Sync(lists.why)
    rank = _Sync(lists.rank)
    session_recommend = _Sync(lists.session_recommend)

    # catalogue
    search = _Sync(catalogue.search)
    item = _Sync(catalogue.item)
    change_item = _Sync(catalogue.change_item)
    similar = _Sync(catalogue.similar)
    trending = _Sync(catalogue.trending)
    new = _Sync(catalogue.new)
    genres = _Sync(catalogue.genres)
    person = _Sync(catalogue.person)
    questions = _Sync(catalogue.questions)
    item_map = _Sync(catalogue.item_map)
    map_path = _Sync(catalogue.map_path)
    domain = _Sync(catalogue.domain)

    # users
    post_events = _Sync(of_users.post_events)
    users = _Sync(of_users.users)
    history = _Sync(of_users.history)
    onboarding = _Sync(of_users.onboarding)
    erase_user = _Sync(of_users.erase_user)

    # operate
    live = _Sync(operate.live)
    ready = _Sync(operate.ready)
    metrics = _Sync(operate.metrics)
    version = _Sync(operate.version)
    retrain = _Sync(operate.retrain)
    decisions = _Sync(operate.decisions)
    experiments = _Sync(operate.experiments)
    start_experiment = _Sync(operate.start_experiment)
    stop_experiment = _Sync(operate.stop_experiment)
    provenance = _Sync(operate.provenance)
    releases = _Sync(operate.releases)
    promote = _Sync(operate.promote)
    rollback = _Sync(operate.rollback)
    acceptance = _Sync(operate.acceptance)
    status = _Sync(operate.status)


class AsyncClient:
    """Asks a Marquee from an event loop. Close it, or use it as an asynchronous context manager."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        token: str | None = None,
        admin_key: str | None = None,
        timeout: float = SECONDS,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """See `Client`."""
        self.retries = retries or Retries()
        keys = _keys(api_key, token, admin_key)
        self.http = httpx.AsyncClient(base_url=url, headers=keys, timeout=timeout, transport=transport)

    async def send(self, call: Call[T]) -> T:
        """See `Client.send`."""
        attempt = 1
        while True:
            try:
                response = await self.http.send(call.request(self.http))
            except httpx.TransportError as error:
                pause = self.retries.after_failure(attempt, not isinstance(error, NEVER_SENT), call.repeatable)
                if pause is None:
                    raise Unreachable(f"{call.operation}: {error!r}") from error
            else:
                pause = _pause(self.retries, attempt, response, call)
                if pause is None:
                    return call.answer(response)
            await asyncio.sleep(pause)
            attempt += 1

    async def close(self) -> None:
        await self.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        await self.close()

    # lists
    recommend = _Async(lists.recommend)
    recommend_ids = _Async(lists.recommend_ids)
    recommend_with_body = _Async(lists.recommend_with_body)
    why = _Async(lists.why)
    rank = _Async(lists.rank)
    session_recommend = _Async(lists.session_recommend)

    # catalogue
    search = _Async(catalogue.search)
    item = _Async(catalogue.item)
    change_item = _Async(catalogue.change_item)
    similar = _Async(catalogue.similar)
    trending = _Async(catalogue.trending)
    new = _Async(catalogue.new)
    genres = _Async(catalogue.genres)
    person = _Async(catalogue.person)
    questions = _Async(catalogue.questions)
    item_map = _Async(catalogue.item_map)
    map_path = _Async(catalogue.map_path)
    domain = _Async(catalogue.domain)

    # users
    post_events = _Async(of_users.post_events)
    users = _Async(of_users.users)
    history = _Async(of_users.history)
    onboarding = _Async(of_users.onboarding)
    erase_user = _Async(of_users.erase_user)

    # operate
    live = _Async(operate.live)
    ready = _Async(operate.ready)
    metrics = _Async(operate.metrics)
    version = _Async(operate.version)
    retrain = _Async(operate.retrain)
    decisions = _Async(operate.decisions)
    experiments = _Async(operate.experiments)
    start_experiment = _Async(operate.start_experiment)
    stop_experiment = _Async(operate.stop_experiment)
    provenance = _Async(operate.provenance)
    releases = _Async(operate.releases)
    promote = _Async(operate.promote)
    rollback = _Async(operate.rollback)
    acceptance = _Async(operate.acceptance)
    status = _Async(operate.status)


def _pause(retries: Retries, attempt: int, response: httpx.Response, call: Call[Any]) -> float | None:
    """Seconds until the next attempt; None where this answer is the last."""
    if response.status_code in call.answers:
        return None
    after = seconds_of(response.headers.get("retry-after"))
    return retries.after_answer(attempt, response.status_code, after, call.repeatable)


def _keys(api_key: str | None, token: str | None, admin_key: str | None) -> dict[str, str]:
    headers = {"X-Api-Key": api_key, "Authorization": token and f"Bearer {token}", "X-Admin-Key": admin_key}
    return {name: value for name, value in headers.items() if value}
