"""What `benchmarks/stream.py` measures: the real consumer on a log, a store and a lake of its own."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import orjson
import psutil

from core.events import INTERACTIONS
from core.ports import EventLog, Record
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import WorldConfig, made_up
from feature_repo.adapters.feast_store import FeastFeatures
from lake.ports import Lake
from lake.tables import INTERACTIONS as TABLE
from streaming.consumer import Consumer
from streaming.decoding import Contract, IntegerKeys
from streaming.handlers import known_interaction_rows
from streaming.loops.feature_effect import FeatureEffect
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig
from streaming.loops.lake_loop import LakeLoop

SEED = 1
ITEMS = 20_000
PATIENCE = 300.0
WARM_UP = 400_000  # events


@dataclass
class Rig:
    """One consumer's surroundings."""

    log: EventLog
    store: FeastFeatures
    lake: Lake
    genres: dict[int, tuple[str, ...]]

    def consumer(self) -> Consumer:
        contract = Contract(IntegerKeys(frozenset(self.genres)))
        rows = partial(known_interaction_rows, contract=contract)
        return Consumer(
            [
                InteractionLoop(
                    self.log, FeatureEffect(self.store, self.genres), contract, LoopConfig(), writes_dead_letters=True
                ),
                LakeLoop(self.log, self.lake, INTERACTIONS, TABLE, rows, flush=2.0),
            ]
        )

    @contextmanager
    def consuming(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self.consumer().run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)


def made_events(count: int, users: int, first: int = 0) -> list[Record]:
    """Simulated choices, as the API would append them."""
    world = made_up(ITEMS, WorldConfig(seed=SEED))
    simulation, records, number = Simulation(world, Arrivals(users, SEED)), [], first
    while len(records) < count:
        event = simulation.browse(simulation.arrivals.visit(number), time.time())
        number += 1
        if event is not None:
            event["event_id"] = uuid.uuid4().hex
            records.append(Record(str(event["user_id"]), event["event_id"], orjson.dumps(event)))
    return records


@contextmanager
def redis() -> Iterator[tuple[str, int]]:
    """A Redis without persistence: (url, process id)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0", process.pid
    finally:
        process.terminate()
        process.wait()


def rows(rig: Rig) -> int:
    """Rows of the lake's table, 0 before the first append."""
    return len(rig.lake.read(TABLE)) if rig.lake.version(TABLE) >= 0 else 0


def throughput(rig: Rig, count: int, users: int) -> dict[str, float]:
    """`count` events that wait in the log, through features and lake: a second of wall time (the last flush and other load on
    the machine included), and a second of this process's CPU time."""
    records = made_events(count, users)
    for start in range(0, count, 2000):
        rig.log.append(INTERACTIONS, records[start : start + 2000])
    wanted = rows(rig) + count
    begin, cpu = time.perf_counter(), time.process_time()
    with rig.consuming():
        while rows(rig) < wanted or any(rig.store.read(int(one.key)) is None for one in records[-50:]):
            if time.perf_counter() - begin > PATIENCE:
                raise SystemExit(f"{count} events were not consumed within {PATIENCE:.0f} s")
            time.sleep(0.2)
        taken, spent = time.perf_counter() - begin, time.process_time() - cpu
    print(f"{count} events: wall {taken:.2f} s, CPU of the consumer {spent:.2f} s", flush=True)
    return {"events_per_second": count / taken, "events_per_cpu_second": count / spent}


def events_of(rig: Rig, one: Record) -> int:
    """How many events the features of the record's user hold."""
    user = rig.store.read(int(one.key))
    return user.n_events if user else 0


def freshness(rig: Rig, count: int) -> np.ndarray:
    """Seconds from an append's return until the features that a list is made from hold the event. [count]"""
    taken = []
    with rig.consuming():
        for warm, one in enumerate(made_events(count + 10, 1000, first=10_000_000)):
            before = events_of(rig, one)
            rig.log.append(INTERACTIONS, [one])
            start = time.perf_counter()
            while events_of(rig, one) == before:
                if time.perf_counter() - start > 30:
                    raise SystemExit("an event was not in the features within 30 s")
                time.sleep(0.001)
            if warm >= 10:
                taken.append(time.perf_counter() - start)
    return np.array(taken)


def soak(rig: Rig, minutes: float, rate: float, redis_pid: int) -> float:
    """MiB by which this process and Redis grow in so many minutes at `rate` events a second.

    Before that so many events pass that every bounded memory is full: ids for finding repeats, users' histories.
    """
    processes = [psutil.Process(), psutil.Process(redis_pid)]
    records = made_events(5000, 2000)
    samples: list[float] = []
    sent = 0

    def send(count: int) -> None:
        batch = [records[(sent + n) % len(records)] for n in range(count)]
        rig.log.append(INTERACTIONS, [Record(one.key, uuid.uuid4().hex, one.value) for one in batch])

    with rig.consuming():
        wanted = rows(rig) + WARM_UP
        while sent < WARM_UP:
            send(1000)
            sent += 1000
        while rows(rig) < wanted:
            time.sleep(1.0)
        begin, sent = time.perf_counter(), 0
        while (passed := time.perf_counter() - begin) < 60 * minutes:
            due = int(passed * rate) - sent
            send(due)
            sent += due
            samples.append(sum(process.memory_info().rss for process in processes) / 2**20)
            time.sleep(1.0)
    print("MiB, minute by minute:", [round(sample) for sample in samples[::60]], flush=True)
    return float(np.median(samples[-20:]) - np.median(samples[:20]))
