"""The consumer as a real process on the real embedded log, Feast on SQLite and Delta: killed at random, and none the wiser."""

from __future__ import annotations

import logging
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.deadletter import from_bytes
from core.errors import DependencyUnavailable
from core.events import DEADLETTER, IMPRESSIONS, INTERACTIONS, Impression, Interaction
from core.features import UserFeatures
from core.kinds import Kind
from core.ports import EventLog, Record
from feature_repo.adapters.memory import MemoryFeatures
from lake.adapters.delta import DeltaLake
from streaming.adapters.embedded import EmbeddedEventLog
from streaming.adapters.memory import MemoryEventLog
from streaming.consumer import Consumer
from streaming.decoding import Contract, IntegerKeys
from streaming.loops.feature_effect import FeatureEffect, FeatureStore
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig
from streaming.loops.lake_loop import LakeLoop

GENRES = {item: ("Drama",) if item % 2 else ("Crime",) for item in range(1, 41)}
ITEMS = IntegerKeys(frozenset(range(1, 41)))
CHILD = """
import signal, sys, threading
from functools import partial
from pathlib import Path
from lake.adapters.delta import DeltaLake
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from streaming.adapters.embedded import EmbeddedEventLog
from streaming.consumer import Consumer
from streaming.decoding import Contract, IntegerKeys
from streaming.loops.feature_effect import FeatureEffect
from streaming.handlers import known_interaction_rows
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig
from streaming.loops.lake_loop import LakeLoop

home = Path(sys.argv[1])
genres = {item: ("Drama",) if item % 2 else ("Crime",) for item in range(1, 41)}
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
log = EmbeddedEventLog(home / "log.db")
store = FeastFeatures(FeastConfig(home / "feast"))

contract = Contract(IntegerKeys(frozenset(genres)))
rows = partial(known_interaction_rows, contract=contract)
print("running", flush=True)
Consumer([
    InteractionLoop(
        log, FeatureEffect(store, genres), contract, LoopConfig(batch=7, max_batch=20, poll=0.05), writes_dead_letters=True
    ),
    LakeLoop(log, DeltaLake(home / "lake"), "marquee.interactions", "interactions", rows, flush=0.05),
]).run(stop)
"""


def events(count: int, seed: int = 3) -> list[Interaction]:
    dice = random.Random(seed)
    kinds = [Kind.RATING, Kind.VIEW, Kind.CLICK, Kind.SKIP]
    made = []
    for number in range(count):
        kind = dice.choice(kinds)
        value = dice.choice([1.0, 3.5, 5.0]) if kind is Kind.RATING else None
        made.append(
            Interaction(
                event_id=f"e{number}",
                user_id=dice.randint(1, 5),
                item_id=dice.randint(1, 40),
                kind=kind,
                value=value,
                ts=1e9 + number,
            )
        )
    return made


def record(event: Interaction) -> Record:
    return Record(str(event.user_id), event.event_id, event.model_dump_json().encode())


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def same(one: UserFeatures | None, other: UserFeatures | None) -> bool:
    assert one is not None
    assert other is not None
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("item_ids", "kinds", "values", "times", "consumed", "genre_weights")
    ) and (one.n_events, one.rating_sum, one.genres) == (other.n_events, other.rating_sum, other.genres)


def feature_loop(log: EventLog, store: FeatureStore) -> InteractionLoop:
    return InteractionLoop(
        log,
        FeatureEffect(store, GENRES),
        Contract(IntegerKeys(frozenset(GENRES))),
        LoopConfig(poll=0.02),
        writes_dead_letters=True,
    )


def clean_pass(all_events: list[Interaction]) -> MemoryFeatures:
    """Features as one consumer that nobody disturbs leaves them."""
    log, store, stop = MemoryEventLog(), MemoryFeatures(), threading.Event()
    log.append(INTERACTIONS, [record(event) for event in all_events])
    thread = threading.Thread(target=feature_loop(log, store).run, args=(stop,))
    thread.start()
    until(lambda: log.progress(INTERACTIONS, "features") == len(all_events))
    stop.set()
    thread.join()
    return store


@pytest.mark.slow
def test_killed_at_random_moments_it_leaves_what_one_clean_pass_would(tmp_path: Path) -> None:
    from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures

    all_events = events(400)
    log = EmbeddedEventLog(tmp_path / "log.db")
    store = FeastFeatures(FeastConfig(tmp_path / "feast"))
    store.apply()
    lake = DeltaLake(tmp_path / "lake")
    dice = random.Random(11)

    def consumer() -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"running\n"
        child.stdout.close()
        return child

    for start in range(0, len(all_events), 200):
        child = consumer()
        for event in all_events[start : start + 200]:
            log.append(INTERACTIONS, [record(event)])
        time.sleep(dice.uniform(0.0, 0.15))
        child.send_signal(signal.SIGKILL)
        child.wait()
    child = consumer()
    until(lambda: lake.version("interactions") >= 0 and len(lake.read("interactions")) >= len(all_events))
    expected = clean_pass(all_events)
    until(lambda: all(same(store.read(user), expected.read(user)) for user in range(1, 6)))
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=30) == 0
    stored = lake.read("interactions")
    assert sorted(stored["event_id"]) == sorted(event.event_id for event in all_events)
    log.close()
    store.close()


def test_poison_is_quarantined_and_the_rest_is_processed() -> None:
    log, store, stop = MemoryEventLog(), MemoryFeatures(), threading.Event()
    good = events(3)
    bad = Record("1", "bad", b"{not json")
    stranger = record(good[0].model_copy(update={"event_id": "stranger", "item_id": 4000}))
    log.append(INTERACTIONS, [record(good[0]), bad, record(good[1]), stranger, record(good[2])])
    thread = threading.Thread(target=feature_loop(log, store).run, args=(stop,))
    thread.start()
    letters = log.subscribe(DEADLETTER, "test").poll(10, 10.0)
    until(lambda: log.progress(INTERACTIONS, "features") == 5)
    stop.set()
    thread.join()
    assert [(letter.reason, letter.value) for letter in (from_bytes(one.value) for one in letters)] == [
        ("malformed", bad.value),
        ("unknown_item", stranger.value),
    ]
    assert all(store.read(event.user_id) is not None for event in good)


class Flaky(MemoryFeatures):
    """A store that is away for its first writes."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def write(self, users):  # type: ignore[no-untyped-def]
        if self.failures:
            self.failures -= 1
            raise DependencyUnavailable("feature store", "it is away")
        super().write(users)


def test_an_unavailable_store_is_waited_for_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    log, store, stop = MemoryEventLog(), Flaky(2), threading.Event()
    [event] = events(1)
    log.append(INTERACTIONS, [record(event)])
    with caplog.at_level(logging.WARNING):
        thread = threading.Thread(target=feature_loop(log, store).run, args=(stop,))
        thread.start()
        until(lambda: store.read(event.user_id) is not None)
        stop.set()
        thread.join()
    assert caplog.text.count("retrying in") == 2


def test_a_bug_in_one_loop_stops_the_consumer_loudly() -> None:
    class Broken:
        def run(self, stop: threading.Event) -> None:
            raise ZeroDivisionError("a bug")

    class Patient:
        stopped = False

        def run(self, stop: threading.Event) -> None:
            self.stopped = stop.wait(30)

    patient = Patient()
    with pytest.raises(ZeroDivisionError):
        Consumer([Broken(), patient]).run(threading.Event())
    assert patient.stopped


def test_impressions_reach_the_lake_once_although_the_commit_was_lost(tmp_path: Path) -> None:
    from streaming.handlers import impression_rows

    rows = partial(impression_rows, items=ITEMS)
    log, lake = MemoryEventLog(), DeltaLake(tmp_path)
    shown = [
        Impression(
            request_id="r", user_id=7, item_id=item, position=item, propensity=0.5, score=1.0, policy="p", arm="a",
            model_version="m", ts=1e9, explored=False,
        )
        for item in range(1, 6)
    ]  # fmt: skip
    log.append(IMPRESSIONS, [Record("7", one.event_id, one.model_dump_json().encode()) for one in shown])
    for _ in range(2):  # the second loop starts where the first one would have, had it died before its commit
        log.advance(IMPRESSIONS, "lake.impressions", 0)
        stop = threading.Event()
        thread = threading.Thread(target=LakeLoop(log, lake, IMPRESSIONS, "impressions", rows, 0.05).run, args=(stop,))
        thread.start()
        until(lambda: log.progress(IMPRESSIONS, "lake.impressions") == 5)
        stop.set()
        thread.join()
    stored: pl.DataFrame = lake.read("impressions")
    assert sorted(stored["position"]) == [1, 2, 3, 4, 5]


def test_the_lakes_files_are_merged_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from streaming.handlers import impression_rows

    rows = partial(impression_rows, items=ITEMS)
    monkeypatch.setattr("streaming.loops.lake_loop.APPENDS_PER_MERGE", 3)
    log, lake = MemoryEventLog(), DeltaLake(tmp_path)
    stop = threading.Event()
    thread = threading.Thread(target=LakeLoop(log, lake, IMPRESSIONS, "impressions", rows, 0.0).run, args=(stop,))
    thread.start()
    for item in range(1, 7):
        one = Impression(
            request_id="r", user_id=7, item_id=item, position=item, propensity=0.5, score=1.0, policy="p", arm="a",
            model_version="m", ts=1e9, explored=False,
        )  # fmt: skip
        log.append(IMPRESSIONS, [Record("7", str(item), one.model_dump_json().encode())])
        until(lambda done=item: log.progress(IMPRESSIONS, "lake.impressions") == done)
    stop.set()
    thread.join()
    assert len(lake.files("impressions")) == 1
    assert sorted(lake.read("impressions")["position"]) == [1, 2, 3, 4, 5, 6]
