"""Clients that are slow on purpose, or never end their headers, on real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from served import served

from serving.http import json_body
from serving.http.impatient import ImpatientProtocol

pytestmark = pytest.mark.anyio
GET = b"GET /recommend/7?k=1&format=ids HTTP/1.1\r\nHost: x\r\n\r\n"


class Hasty(ImpatientProtocol):
    head_seconds = 0.3
    head_bytes = 4096


@pytest.fixture
def connect(world: Any, free_port: Callable[[], int]) -> Callable[[], Any]:
    """A context in which the API is served and one connection to it is open."""

    @asynccontextmanager
    async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        async with served(world.app, free_port(), http=Hasty, timeout_keep_alive=30) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                yield reader, writer
            finally:
                writer.close()

    return connected


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length"))
    return int(head.split()[1]), await reader.readexactly(length)


@pytest.mark.parametrize("sent", [b"", b"GET", b"GET /recommend/7 HTTP/1.1\r\nHost: x\r\n", GET + b"GET / HT"], ids=range(4))
async def test_a_head_that_does_not_arrive_ends_the_connection(connect: Any, sent: bytes) -> None:
    async with connect() as (reader, writer):
        writer.write(sent)
        if sent.startswith(GET):
            assert (await answer(reader))[0] == 200
        status, body = await answer(reader)
        assert (status, b"urn:marquee:problem:request-timeout" in body) == (408, True)
        assert await reader.read() == b""


async def test_a_byte_now_and_then_gains_no_time(connect: Any) -> None:
    async with connect() as (reader, writer):
        answered = asyncio.create_task(answer(reader))
        for byte in GET[:-2]:
            writer.write(bytes([byte]))
            await asyncio.wait([answered], timeout=0.05)
            if answered.done():
                break
        assert (await answered)[0] == 408


async def test_headers_without_end_are_refused(connect: Any) -> None:
    async with connect() as (reader, writer):
        writer.write(GET[:-2])
        for number in range(100):
            writer.write(f"X-{number}: {'a' * 100}\r\n".encode())
        status, body = await answer(reader)
        assert (status, b"urn:marquee:problem:request-header-fields-too-large" in body) == (431, True)


async def test_a_large_body_is_no_large_head(connect: Any) -> None:
    async with connect() as (reader, writer):
        body = b'{"exclude": [' + b", ".join([b"1"] * 2000) + b"]}"
        head = f"POST /recommend/7 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        assert (await answer(reader))[0] == 200


async def test_an_idle_connection_is_kept_and_pipelined_requests_are_answered_in_order(connect: Any) -> None:
    async with connect() as (reader, writer):
        for _ in range(2):
            writer.write(GET + GET.replace(b"/7?", b"/nobody%2F%2E?") + GET)
            assert [(await answer(reader))[0] for _ in range(3)] == [200, 422, 200]
            await asyncio.sleep(0.5)  # longer than a head may take


async def test_a_body_that_does_not_arrive_is_a_problem(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "SECONDS", 0.2)
    async with connect() as (reader, writer):
        writer.write(b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        status, body = await answer(reader)
        assert (status, b"urn:marquee:problem:request-timeout" in body) == (408, True)
        assert await reader.read() == b""
