"""The loop under a stop-watch: how long a list takes, and how soon an accepted event changes the next one.

Needs a running Marquee (`marquee up`). Compares `/recommend` with the trivial route `/health/live` in the same run, so that
the machine's own speed cancels out.

    python benchmarks/loop.py --url http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import http.client
import json
import time
import urllib.parse
from collections.abc import Callable

import numpy as np
import record

REQUESTS = 1000
EVENTS = 100


class Client:
    """One keep-alive connection on the standard library, so that the client's own cost stays small."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)

    def get(self, path: str) -> bytes:
        return self._exchange("GET", path, None)

    def post(self, path: str, body: object) -> bytes:
        return self._exchange("POST", path, json.dumps(body).encode())

    def _exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        self._connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        response = self._connection.getresponse()
        raw = response.read()
        if response.status >= 300:
            raise SystemExit(f"{method} {path} answered {response.status}: {raw[:300]!r}")
        return raw


def milliseconds(work: Callable[[int], object], count: int) -> np.ndarray:
    """How long each of `count` calls took."""
    taken = np.empty(count)
    for call in range(count):
        start = time.perf_counter()
        work(call)
        taken[call] = (time.perf_counter() - start) * 1e3
    return taken


def freshness(client: Client, users: list[int]) -> np.ndarray:
    """Milliseconds from the 202 for an event until a list answers it: the film just rated is gone from it."""
    taken = []
    for number in range(EVENTS):
        user = users[number % len(users)]
        top = json.loads(client.get(f"/recommend/{user}?format=ids&k=10"))["recommendations"][0]
        client.post("/events", {"user_id": user, "item_id": top, "kind": "rating", "value": 4.0})
        start = time.perf_counter()
        while top in json.loads(client.get(f"/recommend/{user}?format=ids&k=10"))["recommendations"]:
            if time.perf_counter() - start > 10:
                raise SystemExit(f"the list of user {user} did not change within 10 s: is the consumer running?")
        taken.append((time.perf_counter() - start) * 1e3)
    return np.array(taken)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--url", default="http://127.0.0.1:8000")
    client = Client(arguments.parse_args().url)
    users = json.loads(client.get("/users?limit=50"))["users"]
    data = json.loads(client.get("/version"))["data_version"]
    milliseconds(lambda _: client.get(f"/recommend/{users[0]}"), 50)
    trivial = milliseconds(lambda _: client.get("/health/live"), REQUESTS)
    lists = milliseconds(lambda call: client.get(f"/recommend/{users[call % len(users)]}?k=20"), REQUESTS)
    fresh = freshness(client, users)
    metrics = {
        "recommend_p50_ms": np.percentile(lists, 50),
        "recommend_p99_ms": np.percentile(lists, 99),
        "trivial_p50_ms": np.percentile(trivial, 50),
        "trivial_p99_ms": np.percentile(trivial, 99),
        "recommend_to_trivial_p50_ratio": np.percentile(lists, 50) / np.percentile(trivial, 50),
        "event_to_changed_list_p50_ms": np.percentile(fresh, 50),
        "event_to_changed_list_p99_ms": np.percentile(fresh, 99),
    }
    for name, value in metrics.items():
        print(f"{name:<36} {value:8.2f}")
    record.write("loop", json.dumps(data), {name: float(value) for name, value in metrics.items()})


if __name__ == "__main__":
    main()
