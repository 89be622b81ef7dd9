"""A consumer that can be killed: imports once, then forks a consumer process for each line that it reads.

    python tests/consumer_child.py BOOTSTRAP PREFIX HOME REDIS_URL

A line is the name of a group member, or empty for one without a name; the answer is the process id of the new consumer.
SIGTERM stops a consumer gracefully, and its exit code is written as `ended PID CODE`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from functools import partial
from pathlib import Path

from private_log import PrivateLog

from core.ports import EventLog
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from lake.adapters.delta import DeltaLake
from lake.ports import Lake
from streaming.adapters.kafka import KafkaEventLog
from streaming.consumer import Consumer
from streaming.decoding import Contract, IntegerKeys
from streaming.handlers import known_interaction_rows
from streaming.loops.feature_effect import FeatureEffect, FeatureStore
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig
from streaming.loops.lake_loop import LakeLoop

GENRES = {item: ("Drama",) if item % 2 else ("Crime", "War") for item in range(1, 41)}


def consumer(log: EventLog, store: FeatureStore, lake: Lake) -> Consumer:
    """What `marquee consume` runs, on small batches, so that there are many moments to die at."""
    contract = Contract(IntegerKeys(frozenset(GENRES)))
    rows = partial(known_interaction_rows, contract=contract)
    config = LoopConfig(batch=7, max_batch=40, poll=0.05)
    return Consumer(
        [
            InteractionLoop(log, FeatureEffect(store, GENRES), contract, config, writes_dead_letters=True),
            LakeLoop(log, lake, "marquee.interactions", "interactions", rows, flush=0.05),
        ]
    )


def consume(bootstrap: str, prefix: str, home: Path, redis_url: str, member: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    log = PrivateLog(KafkaEventLog(bootstrap, partitions=3, member=member), prefix)
    store = FeastFeatures(FeastConfig(home / "feast", redis_url))
    consumer(log, store, DeltaLake(home / "lake")).run(stop)
    log.close()
    store.close()


def main() -> None:
    bootstrap, prefix, home, redis_url = sys.argv[1:]
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                consume(bootstrap, prefix, Path(home), redis_url, line.strip())
                code = 0
            except BaseException:
                traceback.print_exc()
            os._exit(code)
        print(pid, flush=True)
        threading.Thread(target=lambda pid=pid: print("ended", *os.waitpid(pid, 0), flush=True), daemon=True).start()


if __name__ == "__main__":
    main()
