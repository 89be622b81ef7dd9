"""Two API processes on one Redis: how much more they make than one, and whether a rolling restart costs anybody a list.

One process on one core, then two on two cores, each with lists in a closed loop; then each of the two is stopped (SIGTERM) and
started again, one after the other, under an open loop whose client goes to the next process when one refuses the connection, as a
balancer does. State is shared in Redis alone. The load runs beside the servers, so that on two cores it takes its part of what
two processes could make: on a machine with three cores or more it has one of its own.

    python benchmarks/workers.py --home var
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import record
from feature_reads import private_redis
from served_home import data_hash, free_port, people, zipf
from serving_load import Connection

from app.processes import answers

CLIENTS, RATE = 8, 10.0  # of a closed loop for each process; lists a second of the open loop
PATIENCE = 180.0  # seconds for a process to start
Answered = tuple[int, float]  # status, and seconds


class Worker:
    """An API process on one core."""

    def __init__(self, core: int, env: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self._core, self._env, self._log = core, env | {"MARQUEE_API_PORT": str(self.port)}, log
        self.start()

    def start(self) -> None:
        command = ["taskset", "-c", str(self._core), sys.executable, "-m", "app", "serve"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **self._env}, stdout=log, stderr=subprocess.STDOUT, cwd=record.ROOT
            )

    def wait(self) -> None:
        """Until it is ready."""
        until = time.monotonic() + PATIENCE
        while not answers(f"http://127.0.0.1:{self.port}/health/ready"):
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"a process does not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    @property
    def resident(self) -> float:
        """MiB."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)


async def answered(ports: Iterator[int], tries: int, path: str) -> Answered:
    """One list from the next process, or from the one after it where nobody listens or a connection ends without an answer."""
    start = time.perf_counter()
    for port in itertools.islice(ports, tries):
        try:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
            status, _ = await connection.get(path)
            connection.close()
        except OSError:
            continue
        return status, time.perf_counter() - start
    return 0, time.perf_counter() - start


async def closed(workers: list[Worker], paths: Iterator[str], seconds: float) -> float:
    """Lists a second of all processes together."""
    done, until = 0, time.perf_counter() + seconds

    async def client(port: int) -> None:
        nonlocal done
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
        while time.perf_counter() < until:
            status, _ = await connection.get(next(paths))
            done += status == 200
        connection.close()

    await asyncio.gather(*(client(worker.port) for worker in workers for _ in range(CLIENTS)))
    return done / seconds


async def rolling(workers: list[Worker], paths: Iterator[str]) -> list[Answered]:
    """What came back while each process was stopped and started again, one after the other."""
    ports, restarted = itertools.cycle([worker.port for worker in workers]), asyncio.Event()

    async def restart() -> None:
        for worker in workers:
            await asyncio.sleep(2.0)
            await asyncio.to_thread(worker.stop)
            worker.start()
            await asyncio.to_thread(worker.wait)
        await asyncio.sleep(2.0)
        restarted.set()

    restarting, asked = asyncio.create_task(restart()), list[asyncio.Task[Answered]]()
    while not restarted.is_set():
        asked.append(asyncio.create_task(answered(ports, 2, next(paths))))
        await asyncio.sleep(1.0 / RATE)
        if restarting.done():
            await restarting  # raises what it raised
    return list(await asyncio.gather(*asked))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a Marquee home with a release, for example that of the demo")
    parser.add_argument("--name", default="workers", help="of the result file")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load")
    parser.add_argument("--rounds", type=int, default=3, help="of one process and two, by turns")
    parser.add_argument("--dry", action="store_true", help="write no result file")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / "home"
        shutil.copytree(given.home, home, ignore=shutil.ignore_patterns("milvus", "logs", "run", "train", "datasets"))
        env = {"MARQUEE_HOME": str(home), "MARQUEE_REDIS_URL": stack.enter_context(private_redis())}
        env |= {"MARQUEE_VECTOR_SEARCH": "mirror", "MARQUEE_RATE_LIMIT": "1000000", "MARQUEE_LIST_CACHE_SECONDS": "0"}
        subprocess.run(
            [sys.executable, "-m", "app", "features", "backfill"], env={**os.environ, **env}, check=True, cwd=record.ROOT
        )
        paths = itertools.cycle([f"/recommend/{user}?k=20" for user in zipf(people(home), 5000)])
        workers = [Worker(core, env, folder / f"{core}.log") for core in (0, 1)]
        for worker in workers:
            stack.callback(worker.stop)
            worker.wait()
        figures = scaled(workers, paths, given.seconds, given.rounds)
        figures |= restarted(workers, paths)
        figures["rss_mib"] = workers[0].resident
    if not given.dry:
        print(record.write(given.name, data_hash(given.home), figures))


def scaled(workers: list[Worker], paths: Iterator[str], seconds: float, rounds: int) -> dict[str, float]:
    """One process and both, by turns: the medians, and their ratio."""
    asyncio.run(closed(workers, paths, 3.0))  # warm
    one, two = [], []
    for _ in range(rounds):
        one.append(asyncio.run(closed(workers[:1], paths, seconds)))
        two.append(asyncio.run(closed(workers, paths, seconds)))
        print(f"one process {one[-1]:.0f}/s, two {two[-1]:.0f}/s", flush=True)
    ratio = float(np.median(two) / np.median(one))
    print(f"two processes make {ratio:.2f} times as many")
    return {"one_rate": float(np.median(one)), "two_rate": float(np.median(two)), "ratio": ratio}


def restarted(workers: list[Worker], paths: Iterator[str]) -> dict[str, float]:
    """A rolling restart."""
    seen = asyncio.run(rolling(workers, paths))
    statuses, taken = Counter(status for status, _ in seen), np.array([seconds for _, seconds in seen]) * 1e3
    failed = len(seen) - statuses[200]
    print(f"rolling restart: {len(seen)} lists, {failed} failed {dict(statuses)}, longest {taken.max():.0f} ms")
    return {"rolling_lists": float(len(seen)), "rolling_failed": float(failed), "rolling_p99": float(np.percentile(taken, 99))}


if __name__ == "__main__":
    main()
