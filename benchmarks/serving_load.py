"""GET requests from a process of its own, and how long each took: what `benchmarks/serving.py` loads a server with.

Open loop: requests begin at the times of a Poisson process of `--rate` a second whether or not earlier ones were answered, and
each latency counts from the time at which its request should have begun, so that a queue is not hidden (coordinated omission).
With `--clients N` and no rate: closed loop, N clients that ask again as soon as they have an answer.

What it saw goes to a file: a pipe broke a line of 96 KiB in two.

    python benchmarks/serving_load.py --port 8000 --paths paths.txt --rate 100 --seconds 20 --out seen.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import uvloop

MAX_CONNECTIONS = 512  # beyond it requests wait here, and their latency counts all the same
PATIENCE = 10.0  # seconds after the last request for which answers are waited for
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STRATEGY = re.compile(rb'"strategy":"([a-z_]+)"')


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time. A whole HTTP client costs more CPU than the server under test."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if length is not None and len(body) >= int(length[1]) and self._answer is not None:
            self._buffer = b""
            if self._answer.done():
                return  # it was waited for no longer
            self._answer.set_result((int(head[9:12]), body))

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body. Raises OSError when the connection breaks."""
        return await self.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """The same for a request as it goes over the wire."""
        if self._transport is None:
            raise ConnectionResetError("not connected")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Give up what is under way."""
        if self._transport is not None:
            self._transport.abort()


class Load:
    """Requests, their latencies and what came back."""

    def __init__(self, port: int, paths: Iterator[str]) -> None:
        self._port = port
        self._paths = paths
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._opened = 0
        self.latencies: list[float] = []  # seconds
        self.statuses: Counter[str] = Counter()
        self.strategies: Counter[str] = Counter()

    async def ask(self, due: float) -> None:
        """One request that should have begun at `due` (perf_counter)."""
        try:
            connection = await self._connection()
            status, body = await connection.get(next(self._paths))
        except OSError as error:
            self._opened -= 1
            self.statuses[type(error).__name__] += 1
            return
        self._idle.put_nowait(connection)
        self.latencies.append(time.perf_counter() - due)
        self.statuses[str(status)] += 1
        if (strategy := _STRATEGY.search(body, 0, 400)) is not None:
            self.strategies[strategy[1].decode()] += 1

    async def open_loop(self, rate: float, seconds: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        due = time.perf_counter() + np.cumsum(rng.exponential(1 / rate, round(rate * seconds)))
        under_way: set[asyncio.Task[None]] = set()
        for at in due.tolist():
            if (wait := at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self.ask(at))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=PATIENCE)
            self.statuses["unanswered"] += len(late)

    async def closed_loop(self, clients: int, seconds: float) -> None:
        until = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < until:
                await self.ask(time.perf_counter())

        await asyncio.gather(*(client() for _ in range(clients)))

    async def _connection(self) -> Connection:
        """An idle one that the server has not closed for being idle, or a new one."""
        while not self._idle.empty() or self._opened >= MAX_CONNECTIONS:
            found = await self._idle.get()
            if found.open:
                return found
            self._opened -= 1
        self._opened += 1
        _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--paths", type=Path, required=True, help="one path a line, asked for in this order, again and again")
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: closed loop")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--core", type=int, help="run on this core alone")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file that what was seen is written to")
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    load = Load(given.port, cycle(given.paths.read_text().split()))
    start = time.perf_counter()
    if given.rate:
        uvloop.run(load.open_loop(given.rate, given.seconds, given.seed))
    else:
        uvloop.run(load.closed_loop(given.clients, given.seconds))
    took = time.perf_counter() - start
    seen = {
        "seconds": took,
        "milliseconds": [round(1e3 * one, 3) for one in load.latencies],
        "statuses": dict(load.statuses),
        "strategies": dict(load.strategies),
    }
    given.out.write_text(json.dumps(seen))


if __name__ == "__main__":
    main()
