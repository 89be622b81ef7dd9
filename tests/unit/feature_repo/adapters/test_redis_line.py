"""One connection for all requests of an event loop: who asked gets the answer to what they asked, or an error."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from feature_repo.adapters import redis_line
from feature_repo.adapters.redis_line import LineRedis, RedisLine, line_of

pytestmark = [pytest.mark.anyio, pytest.mark.service("redis")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def guarded(free_port: Callable[[], int]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A Redis of the test's own, with a password."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "s3cret"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        with Redis(port=port, password="s3cret") as client:
            for _ in range(200):
                try:
                    client.ping()
                    break
                except RedisError:
                    time.sleep(0.02)
        yield process, f"redis://:s3cret@127.0.0.1:{port}/3"
        process.kill()


def commands_written(line: RedisLine, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What goes out from now on, a write each."""
    written: list[bytes] = []
    transport: Any = line._transport

    class Watched:
        def write(self, data: bytes) -> None:
            written.append(data)
            transport.write(data)

    monkeypatch.setattr(line, "_transport", Watched())
    return written


async def test_what_a_turn_asks_for_goes_out_together(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = RedisLine(redis_url)
    await line.call("SET", "line", b"\x00\xff")
    with monkeypatch.context() as patched:
        written = commands_written(line, patched)
        answers = await asyncio.gather(*(line.call("ECHO", str(number)) for number in range(50)), line.call("GET", "line"))
    assert answers == [*(str(number).encode() for number in range(50)), b"\x00\xff"]
    assert len(written) == 1
    await line.close()


async def test_the_first_ones_wait_for_the_connection_with_password_and_database(
    guarded: tuple[subprocess.Popen[bytes], str],
) -> None:
    line = RedisLine(guarded[1])
    answers = await asyncio.gather(*(line.call("ECHO", str(number)) for number in range(20)))
    assert answers == [str(number).encode() for number in range(20)]
    await line.call("SET", "here", 1)
    await line.close()
    with Redis.from_url(guarded[1]) as client:
        assert client.get("here") == b"1"
    wrong = RedisLine(guarded[1].replace("s3cret", "guess"))
    with pytest.raises(RedisConnectionError, match="invalid username-password"):
        await wrong.call("PING")


async def test_an_error_is_its_own_and_who_gave_up_shifts_nothing(redis_url: str) -> None:
    line = RedisLine(redis_url)
    given_up = line.call("ECHO", "nobody")
    wrong, right = line.call("NO-SUCH-COMMAND"), line.call("ECHO", "mine")
    given_up.cancel()
    with pytest.raises(ResponseError, match="unknown command"):
        await wrong
    assert await right == b"mine"
    await line.close()


async def test_a_redis_that_was_killed_is_found_again(guarded: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = guarded
    line = RedisLine(url)
    await line.call("PING")
    process.kill()
    process.wait()
    with pytest.raises(RedisConnectionError):
        await line.call("PING")
    with pytest.raises(RedisConnectionError):
        await line.call("PING")
    port = url.rpartition(":")[2].partition("/")[0]
    with subprocess.Popen(
        ["redis-server", "--port", port, "--save", "", "--requirepass", "s3cret"], stdout=subprocess.DEVNULL
    ) as new:
        for _ in range(100):
            try:
                assert await line.call("PING") in (b"PONG", "PONG")
                break
            except RedisConnectionError:
                await asyncio.sleep(0.05)
        else:
            pytest.fail("it was not found")
        await line.close()
        new.kill()


async def test_one_that_says_nothing_is_left(
    guarded: tuple[subprocess.Popen[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_line, "SILENT_SECONDS", 0.1)
    process, url = guarded
    line = RedisLine(url)
    await line.call("PING")
    os.kill(process.pid, signal.SIGSTOP)
    stuck = line.call("ECHO", "stuck")
    await asyncio.sleep(0.2)
    late = line.call("ECHO", "late")
    with pytest.raises(RedisConnectionError, match="no answer"):
        await stuck
    os.kill(process.pid, signal.SIGCONT)
    assert await late == b"late"
    await line.close()


async def test_a_client_goes_the_same_way(redis_url: str) -> None:
    client = LineRedis(line_url=redis_url)
    script = client.register_script("return {KEYS[1], ARGV[1] + 1}")
    assert await script(keys=["a"], args=[41]) == [b"a", 42]
    assert line_of(redis_url) is line_of(redis_url)
    await client.aclose()
