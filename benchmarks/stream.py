"""The consumer under a stop-watch, on a real Kafka and a real Redis of its own.

Kafka must run (`make kafka`); a redis-server is started and stopped here, topics and folders are of this run. Freshness ends
when the features hold the event; `benchmarks/loop.py` measures until the list changes, through the API.

    python benchmarks/stream.py --soak-minutes 10
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import numpy as np
import record
from stream_rig import ITEMS, Rig, freshness, redis, soak, throughput

from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from lake.adapters.delta import DeltaLake
from streaming.adapters.embedded import EmbeddedEventLog
from streaming.adapters.kafka import KafkaEventLog

sys.path.append(str(record.ROOT / "tests"))
from private_log import PrivateLog


def redis_bytes(url: str) -> tuple[int, int]:
    """(bytes in use, keys)."""
    port = url.rsplit(":", 1)[1].split("/")[0]
    ask = ["redis-cli", "-p", port]
    info = subprocess.run([*ask, "info", "memory"], capture_output=True, text=True, check=True).stdout
    keys = subprocess.run([*ask, "dbsize"], capture_output=True, text=True, check=True).stdout
    used = next(line for line in info.splitlines() if line.startswith("used_memory:"))
    return int(used.split(":")[1]), int(keys)


def measured(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    genres = {item: ("Drama",) if item % 2 else ("Crime", "War") for item in range(1, ITEMS + 1)}
    with redis() as (url, pid):
        store = FeastFeatures(FeastConfig(folder / "feast", url))
        store.apply()
        kafka = PrivateLog(KafkaEventLog(options.bootstrap), f"bench-{uuid.uuid4().hex[:8]}")
        rig = Rig(kafka, store, DeltaLake(folder / "lake"), genres)
        empty, _ = redis_bytes(url)
        metrics = throughput(rig, options.events, options.users)
        used, users = redis_bytes(url)
        metrics |= {"redis_bytes_per_user": (used - empty) / users, "events_per_user": options.events / users}
        print(metrics, flush=True)
        fresh = freshness(rig, options.samples)
        metrics |= {f"freshness_kafka_p{q}_seconds": float(np.percentile(fresh, q)) for q in (50, 99)}
        local = FeastFeatures(FeastConfig(folder / "feast-embedded"))  # a store of its own: offsets are the log's
        local.apply()
        embedded = Rig(EmbeddedEventLog(folder / "log.db"), local, DeltaLake(folder / "lake-embedded"), genres)
        metrics["freshness_embedded_p99_seconds"] = float(np.percentile(freshness(embedded, options.samples), 99))
        print(metrics, flush=True)
        metrics |= {"soak_minutes": options.soak_minutes, "soak_rss_growth_mib": soak(rig, options.soak_minutes, 500, pid)}
        for closing in (kafka, embedded.log, store, local):
            closing.close()
    return metrics


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bootstrap", default="127.0.0.1:9092")
    arguments.add_argument("--events", type=int, default=40_000)
    arguments.add_argument("--users", type=int, default=2_000)
    arguments.add_argument("--samples", type=int, default=200)
    arguments.add_argument("--soak-minutes", type=float, default=10.0)
    with tempfile.TemporaryDirectory() as folder:
        metrics = measured(arguments.parse_args(), Path(folder))
    for name, value in metrics.items():
        print(f"{name:<36} {value:10.3f}")
    record.write("streaming", "simulated, seed 1", metrics, seeds=(1,))


if __name__ == "__main__":
    main()
