"""What one client that sends hostile bodies does to everybody else's lists: their latency beside that of a quiet time.

The API runs as a process on one core, the load of lists (open loop) and the attacker on another one. Quiet and attacked take
turns, and what counts is the ratio of their latencies: absolute ones are the machine's. The home is copied, and no consumer runs.

    python benchmarks/attacks.py --home var
    python benchmarks/attacks.py --home var --seconds 5 --dry     # a quick look
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import record
from feature_reads import private_redis
from served_home import data_hash, free_port, people, zipf

from serving import LOAD_CORE, Measured, Server, loaded, serving

RATE = 20.0  # lists a second
USERS = 5000  # paths
UNKNOWN_ITEM = "an item that nobody has"


def event(**more: Any) -> dict[str, Any]:
    return {"user_id": 1, "item_id": 1, "kind": "click", **more}


def attacks() -> dict[str, Callable[[int], bytes]]:
    """The body of an attacker's n-th request, by the attack's name."""
    unknown = json.dumps(event(**{f"k{number}": 1 for number in range(80_000)})).encode()
    wrong = json.dumps([event(**{f"bad{number}": 1 for number in range(80)}) for _ in range(999)]).encode()
    deep = b"[" * 900_000
    many = {"unknown_keys": lambda _: unknown, "bad_keys_in_999": lambda _: wrong, "deep": lambda _: deep}
    unread = json.dumps([event(item_id=UNKNOWN_ITEM) for _ in range(1000)]).encode()
    valid = json.dumps([event() for _ in range(1000)]).encode()
    return {**many, "unknown_items": lambda _: unread, "valid_1000": lambda _: valid}


def attack(port: int, name: str, core: int) -> None:
    """Send the bodies of an attack, one after the other, until this process is ended."""
    os.sched_setaffinity(0, {core})
    body_of, number = attacks()[name], 0
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while True:
                connection.request("POST", "/events", body_of(number), {"Content-Type": "application/json"})
                connection.getresponse().read()
                number += 1
        except (OSError, http.client.HTTPException):
            connection.close()
            time.sleep(0.05)


def attacked(server: Server, name: str, seconds: float) -> Measured:
    """Lists while one client attacks."""
    attacker = multiprocessing.get_context("spawn").Process(target=attack, args=(server.port, name, LOAD_CORE))
    attacker.start()
    try:
        time.sleep(2.0)
        return loaded(server, seconds, rate=RATE)
    finally:
        attacker.kill()
        attacker.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a Marquee home with a release, for example that of the demo")
    parser.add_argument("--name", default="attacks", help="of the result file")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load")
    parser.add_argument("--dry", action="store_true", help="write no result file")
    given = parser.parse_args()
    figures: dict[str, float] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / "home"
        shutil.copytree(given.home, home, ignore=shutil.ignore_patterns("milvus", "logs", "run", "train", "datasets"))
        redis, port = stack.enter_context(private_redis()), free_port()
        env = {
            "MARQUEE_HOME": str(home),
            "MARQUEE_REDIS_URL": redis,
            "MARQUEE_API_PORT": str(port),
            "MARQUEE_VECTOR_SEARCH": "mirror",
        }
        env |= {"MARQUEE_RATE_LIMIT": "1000000", "MARQUEE_LIST_CACHE_SECONDS": "0"}
        app = [sys.executable, "-m", "app"]
        subprocess.run([*app, "features", "backfill"], env={**os.environ, **env}, check=True, cwd=record.ROOT)
        paths = folder / "lists"
        paths.write_text("\n".join(f"/recommend/{user}?k=20" for user in zipf(people(home), USERS)))
        server = stack.enter_context(serving("marquee", [*app, "serve"], port, env, paths, "/health/ready"))
        loaded(server, 3.0)  # warm
        for name in attacks():
            quiet, hit = loaded(server, given.seconds, rate=RATE), attacked(server, name, given.seconds)
            print(f"{name}\n  quiet    {quiet}\n  attacked {hit}")
            print(f"  p50 x {hit.p50 / quiet.p50:.1f}   p99 x {hit.p99 / quiet.p99:.1f}", flush=True)
            figures |= (
                quiet.figures(f"{name}_quiet") | hit.figures(f"{name}_attacked") | {f"{name}_p99_ratio": hit.p99 / quiet.p99}
            )
    if not given.dry:
        print(record.write(given.name, data_hash(given.home), figures))


if __name__ == "__main__":
    main()
