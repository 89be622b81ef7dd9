"""One connection to Redis for each event loop, which all requests share.

A pool has a connection for each command that is under way, and each writes and reads by itself: 150 us of Python for a command
and its answer. Here all commands that an event loop's requests have in one turn go out in one write, and their answers, which
come in the same order, are read together. Who asks how often a user may ask and what is known of the user waits for one round
trip. Handshake, TLS and addresses are redis-py's; so are the errors.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any
from weakref import WeakKeyDictionary

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

CONNECT_SECONDS = 1.0
SILENT_SECONDS = 1.0  # with answers outstanding, after which a connection is given up: its other end may be gone without a word
Reply = Any  # bytes, integers, None, lists of them


class RedisLine(asyncio.Protocol):
    """Commands of one event loop, in the order in which they were sent. Connects with the first one, and again when it has to."""

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_SECONDS)
        self._handshaken: Any = None  # redis-py's connection, whose transport is used
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._reader = _reader()
        self._packed: list[bytes] = []  # of this turn
        self._outstanding: deque[asyncio.Future[Reply]] = deque()
        self._heard = 0.0  # when the connection last said something, or had nothing to answer

    def call(self, *command: str | bytes | int | float) -> asyncio.Future[Reply]:
        """Send a command with the others of this turn. The future may be cancelled; it raises RedisError."""
        loop = asyncio.get_running_loop()
        if self._transport is not None and self._outstanding and time.monotonic() - self._heard > SILENT_SECONDS:
            self._lost(f"no answer for {SILENT_SECONDS:g} s")
        if not self._outstanding:
            self._heard = time.monotonic()
        answer: asyncio.Future[Reply] = loop.create_future()
        self._outstanding.append(answer)
        self._packed.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub says: a tuple of one
        if self._transport is None:
            if self._connecting is None:
                self._connecting = loop.create_task(self._connect())
        elif len(self._packed) == 1:
            loop.call_soon(self._write)
        return answer

    async def close(self) -> None:
        """Whoever still waits gets an error."""
        if self._connecting is not None:
            self._connecting.cancel()
        self._lost("closed")
        await self._pool.disconnect()

    def data_received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        self._reader.feed(data)
        while self._outstanding and (reply := self._reader.gets()) is not False:
            answer = self._outstanding.popleft()
            if answer.done():
                continue  # nobody waits any more
            if isinstance(reply, Exception):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(str(exc or "closed by Redis"))

    async def _connect(self) -> None:
        connection: Any = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()
        except (RedisError, OSError) as error:
            self._connecting = None
            self._lost(str(error))
            return
        self._handshaken, self._transport = connection, connection._writer.transport  # redis-py has no other way to it
        self._transport.set_protocol(self)
        self._connecting, self._reader, self._heard = None, _reader(), time.monotonic()
        self._write()

    def _write(self) -> None:
        if self._transport is not None and self._packed:
            self._transport.write(b"".join(self._packed))
            self._packed.clear()

    def _lost(self, why: str) -> None:
        """Everybody who waits learns it, and the next command opens another connection."""
        transport, self._transport = self._transport, None
        waiting, self._outstanding = self._outstanding, deque()
        self._packed.clear()
        if transport is not None:
            transport.set_protocol(asyncio.Protocol())  # what still comes is nobody's
            transport.abort()
            self._handshaken._writer = None  # else redis-py would say that it was never closed
        for answer in waiting:
            if not answer.done():
                answer.set_exception(RedisConnectionError(why))


class LineRedis(AsyncRedis):
    """redis-py's client on the line of the event loop, for a library that takes a client (`throttled`)."""

    def __init__(self, line_url: str, **options: Any) -> None:
        super().__init__(**options)
        self._line_url = line_url

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        reply = await line_of(self._line_url).call(*str(args[0]).split(), *args[1:])  # some have a name of two words
        callback: Any = self.response_callbacks.get(args[0])
        return reply if callback is None else callback(reply, **options)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002 - it has none of its own
        await line_of(self._line_url).close()


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, RedisLine]] = WeakKeyDictionary()


def line_of(url: str) -> RedisLine:
    """The line of the running event loop to a Redis."""
    mine = _lines.setdefault(asyncio.get_running_loop(), {})
    found = mine.get(url)
    if found is None:
        found = mine[url] = RedisLine(url)
    return found


def _reader() -> hiredis.Reader:
    return hiredis.Reader(replyError=DefaultParser.parse_error)
