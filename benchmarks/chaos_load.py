"""Lists and events in an open loop, from a process of its own: what `benchmarks/chaos.py` loads with while things break.

Requests begin at the times of two Poisson processes whether or not earlier ones were answered, and each latency counts from the
time at which the request should have begun. With several ports it does what a balancer in front of them would: workers by
turns; one that refuses, breaks off or stays silent is left alone for a while, and its request is sent to another. Events keep
their ids, so that sending one twice is safe. One line of JSON an answer goes to the standard output at the end.

    python benchmarks/chaos_load.py --ports 8000,8001 --people people.json --lists 20 --events 5 --seconds 30 --name try
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import orjson
import uvloop
from serving_load import Connection

PATIENCE = 10.0  # seconds after which a client gives a request up
SILENCE = {"list": 0.25, "event": 3.0}  # seconds of silence after which a balancer asks another worker
LEFT_ALONE = 10.0  # seconds for which it does not ask a worker that failed: what nginx has by itself (`fail_timeout`)
PAGE = 20
FULL = "two_tower"  # what no fault is noticed in


@dataclass
class Answer:
    """What became of one request. `at` is when it should have begun (Unix seconds), `seconds` how long it took from then."""

    kind: str  # list or event
    at: float
    seconds: float
    status: int  # 0: none came
    user: int
    said: str = ""  # of a list: its strategy; of an event: its id; of a failure: what came instead
    request: str = ""  # of a list, as everything on record names it
    release: str = ""
    by_towers: list[int] = field(default_factory=list)  # items that the towers found


class Worker:
    """One API process, and the idle connections to it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []
        self.left_until = 0.0  # loop time

    async def ask(self, request: bytes, silence: float) -> tuple[int, bytes]:
        """Raises OSError; a TimeoutError, which is one, when nothing came for so many seconds.

        A connection that the server closed while it was idle is replaced, as every client does.
        """
        async with asyncio.timeout(silence):
            while self._idle:
                known = self._idle.pop()
                if known.open:
                    try:
                        return await self._on(known, request)
                    except ConnectionResetError:
                        break
            _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
            return await self._on(made, request)

    async def _on(self, connection: Connection, request: bytes) -> tuple[int, bytes]:
        try:
            answer = await connection.send(request)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer


class Load:
    """The requests, and what came back."""

    def __init__(self, ports: list[int], people: list[int], items: list[int], name: str, seed: int) -> None:
        self._workers = [Worker(port) for port in ports]
        self._turn = 0
        self._people = people
        self._items = items
        self._name = name
        self._rng = np.random.default_rng(seed)
        self.answers: list[Answer] = []

    async def run(self, lists: float, events: float, seconds: float) -> None:
        """So many a second of each."""
        wanted = [(lists, self._list), (events, self._event)]
        due = [
            (at, ask) for rate, ask in wanted if rate for at in np.cumsum(self._rng.exponential(1 / rate, round(rate * seconds)))
        ]
        begin, wall = time.perf_counter(), time.time()
        under_way: set[asyncio.Task[None]] = set()
        for number, (at, ask) in enumerate(sorted(due, key=lambda one: one[0])):
            if (wait := begin + at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(ask(number, begin + at, wall + at))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _list(self, number: int, due: float, at: float) -> None:
        user = self._people[number % len(self._people)]
        status, body = await self._asked("list", f"GET /recommend/{user}?k={PAGE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        found = Answer("list", at, time.perf_counter() - due, status, user)
        if status == 200:
            made = orjson.loads(body)
            found.said, found.request, found.release = made["strategy"], made["request_id"], made["model_version"]
            found.by_towers = [one["item_id"] for one in made["recommendations"] if FULL in one["found_by"]]
        else:
            found.said = body.decode(errors="replace")[:2000]
        self.answers.append(found)

    async def _event(self, number: int, due: float, at: float) -> None:
        user, id_ = self._people[-1 - number % len(self._people)], f"chaos-{self._name}-{number}"
        item = self._items[int(self._rng.integers(len(self._items)))]
        body = orjson.dumps({"event_id": id_, "user_id": user, "item_id": item, "kind": "view"})
        head = (
            f"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        status, answer = await self._asked("event", head.encode() + body)
        said = id_ if status == 202 else answer.decode(errors="replace")[:2000]
        self.answers.append(Answer("event", at, time.perf_counter() - due, status, user, said))

    async def _asked(self, kind: str, request: bytes) -> tuple[int, bytes]:
        """Status and body of the first worker that answers; status 0 and what happened instead if none does."""
        loop, failure = asyncio.get_running_loop(), "no worker"
        self._turn += 1
        workers = [self._workers[(self._turn + step) % len(self._workers)] for step in range(len(self._workers))]
        for last, worker in enumerate(sorted(workers, key=lambda one: one.left_until > loop.time()), start=1 - len(workers)):
            try:
                return await worker.ask(request, PATIENCE if last == 0 else SILENCE[kind])
            except OSError as error:
                worker.left_until = loop.time() + LEFT_ALONE
                failure = f"{type(error).__name__}: {error}"
        return 0, failure.encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ports", required=True, help="of the API processes, with commas")
    parser.add_argument("--people", type=Path, required=True, help='JSON: {"people": [user, ...], "items": [item, ...]}')
    parser.add_argument("--name", required=True, help="becomes part of each event's id")
    parser.add_argument("--lists", type=float, required=True, help="a second")
    parser.add_argument("--events", type=float, required=True, help="a second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    load = Load(
        [int(port) for port in given.ports.split(",")], **json.loads(given.people.read_text()), name=given.name, seed=given.seed
    )
    uvloop.run(load.run(given.lists, given.events, given.seconds))
    sys.stdout.writelines(json.dumps(asdict(one)) + "\n" for one in load.answers)


if __name__ == "__main__":
    main()
