"""What reading one user's features costs, and what keeping them in Redis does.

Marquee's read beside Feast's own `get_online_features` in the same run, on a private Redis and on SQLite. `feast_raw` is Feast's
call alone, which hands out the packed bytes; `feast` unpacks them too and so ends with what Marquee's read ends with. Then
the pitfalls of the pinned Feast, and Redis' memory per user, extrapolated to a million.

    python benchmarks/feature_reads.py
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import record
from numpy.typing import NDArray
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from tqdm import tqdm

from core.catalogue import Catalogue
from core.features import UserFeatures
from datasets.registry import read_any
from feature_repo.adapters.feast_sdk import FeatureStore
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from feature_repo.definitions import recommendations
from feature_repo.record import unpack
from feature_repo.transforms import fold_history

MILLION = 1_000_000
COMPACT = 4096  # bytes; a server's `hash-max-listpack-value` up to which a user's hash stays one block. Redis' default is 64
START_SECONDS = 10.0  # to wait for a Redis that just started


@contextlib.contextmanager
def private_redis() -> Iterator[str]:
    """The URL of a Redis of our own, without persistence."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(Redis(port=port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(client: Redis) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            client.ping()
            return
        except RedisConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def milliseconds(call: Callable[[int], object], users: NDArray[np.int64], name: str) -> NDArray[np.float64]:
    """How long each call took."""
    taken = np.empty(len(users))
    for at, user in enumerate(tqdm(users.tolist(), name, leave=False)):
        start = time.perf_counter()
        call(user)
        taken[at] = time.perf_counter() - start
    return taken * 1e3


def growth(taken: NDArray[np.float64]) -> float:
    """Median of the last fifth of the calls over that of the first: 1 when calls do not grow slower."""
    fifth = len(taken) // 5
    return float(np.median(taken[-fifth:]) / np.median(taken[:fifth]))


def reads(name: str, store: FeastFeatures, users: Sequence[UserFeatures], calls: int) -> dict[str, float]:
    """Figures of each way to read, in turns of equal length so that the machine's mood falls on all."""
    drawn = np.random.default_rng(0).choice([user.user_id for user in users], calls)
    feast = FeatureStore(config=store.repo_config)
    service = feast.get_feature_service(recommendations.name)

    def raw(user: int) -> bytes:
        found: bytes = feast.get_online_features(service, [{"user_id": user}]).to_dict()["record"][0]
        return found

    ways = {"read": store.read, "feast": lambda user: unpack(user, raw(user)), "feast_raw": raw}

    for call in ways.values():
        milliseconds(call, drawn[:50], name)
    parts = np.array_split(drawn, 5)
    turns = [{way: milliseconds(call, part, f"{name}, {way}") for way, call in ways.items()} for part in parts]
    taken = {way: np.concatenate([turn[way] for turn in turns]) for way in ways}
    start = time.perf_counter()
    feast.refresh_registry()
    found = {"feast_registry_refresh_ms": (time.perf_counter() - start) * 1e3}
    for way, times in taken.items():
        found |= {f"{way}_p50_ms": float(np.percentile(times, 50)), f"{way}_p99_ms": float(np.percentile(times, 99))}
        found[f"{way}_growth"] = growth(times)
    for way in ("feast", "feast_raw"):
        found[f"{way}_to_read_p50_ratio"] = found[f"{way}_p50_ms"] / found["read_p50_ms"]
    return {f"{name}_{key}": value for key, value in found.items()}


def memory(store: FeastFeatures, url: str, users: Sequence[UserFeatures], copies: int) -> dict[str, float]:
    """Redis' bytes per user by its own account, keys and tables included; copies of the users fill its tables.

    `redis` is a server as Redis ships it, `redis_compact` one with `hash-max-listpack-value` at COMPACT.
    """
    client, found = Redis.from_url(url), {}
    for name, max_value in (("redis", None), ("redis_compact", COMPACT)):
        if max_value:
            client.config_set("hash-max-listpack-value", max_value)
        client.flushall()
        before = client.info("memory")["used_memory"]
        for copy in tqdm(range(copies), name, leave=False):
            store.write([replace(user, user_id=user.user_id + copy * MILLION) for user in users])
        per_user = (client.info("memory")["used_memory"] - before) / client.dbsize()
        found |= {f"{name}_bytes_per_user": per_user, f"{name}_gib_per_million_users": per_user * MILLION / 2**30}
    return found | {"redis_users": client.dbsize()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ml-latest-small")
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--copies", type=int, default=30, help="of every user, to fill Redis' tables")
    given = parser.parse_args()
    dataset = read_any(given.data)
    users = list(fold_history(dataset.interactions, Catalogue.from_frame(dataset.items)))
    metrics = {"events_per_user_mean": float(np.mean([len(user.item_ids) for user in users]))}
    with tempfile.TemporaryDirectory() as folder, private_redis() as url:
        for name, config in {
            "redis": FeastConfig(Path(folder) / "redis", redis_url=url),
            "sqlite": FeastConfig(Path(folder) / "sqlite"),
        }.items():
            store = FeastFeatures(config)
            store.apply()
            store.write(users)
            store.warm_up()
            metrics |= reads(name, store, users, given.calls)
            if config.redis_url:
                metrics |= memory(store, url, users, given.copies)
            store.close()
    for key, value in metrics.items():
        print(f"{key:<36} {value:10.3f}")
    record.write("feature-reads", dataset.digest, metrics)


if __name__ == "__main__":
    main()
