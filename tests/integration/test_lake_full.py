"""A disk that is really full under the lake: nothing is committed that the lake does not hold, and all of it comes in the end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from full_disk import fill

from core.events import INTERACTIONS, Interaction
from core.ports import Record
from core.telemetry import DEPENDENCY_UP
from lake.adapters.delta import DeltaLake
from lake.ports import Lake
from streaming.adapters.embedded import EmbeddedEventLog
from streaming.decoding import Contract, IntegerKeys
from streaming.handlers import known_interaction_rows
from streaming.loops.lake_loop import GROUP, LakeLoop

pytestmark = pytest.mark.timeout(120)
COUNT = 300
NOW = 1.7e9
INTERACTIONS_TABLE = "interactions"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def lake_is_up() -> float:
    return float(DEPENDENCY_UP.labels("lake")._value.get())


def records(first: int) -> list[Record]:
    events = [
        Interaction(event_id=f"e{n}", user_id=1 + n % 9, item_id=1, kind="view", ts=NOW + n) for n in range(first, first + COUNT)
    ]
    return [Record(str(event.user_id), event.event_id, event.model_dump_json().encode()) for event in events]


def held(lake: Lake) -> list[str]:
    return sorted(lake.read(INTERACTIONS_TABLE)["event_id"]) if lake.version(INTERACTIONS_TABLE) >= 0 else []


def test_a_full_disk(small_disk: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log, lake, stop = EmbeddedEventLog(tmp_path / "events.db"), DeltaLake(small_disk / "lake"), threading.Event()
    rows = partial(known_interaction_rows, contract=Contract(IntegerKeys(frozenset({1}))))
    loop = threading.Thread(target=LakeLoop(log, lake, INTERACTIONS, INTERACTIONS_TABLE, rows, flush=0.0).run, args=(stop,))
    log.append(INTERACTIONS, records(0))
    with caplog.at_level(logging.WARNING):
        loop.start()
        try:
            until(lambda: len(held(lake)) == COUNT)
            until(lambda: not uncommitted(log))
            filler = fill(small_disk)
            log.append(INTERACTIONS, records(COUNT))
            until(lambda: lake_is_up() == 0.0)
            assert len(held(lake)) == COUNT
            assert uncommitted(log) == [f"e{n}" for n in range(COUNT, 2 * COUNT)]
            assert "lake is unavailable" in caplog.text
            filler.unlink()
            until(lambda: len(held(lake)) >= 2 * COUNT)
            until(lambda: not uncommitted(log))
        finally:
            stop.set()
            loop.join()
            log.close()
    assert lake_is_up() == 1.0
    assert held(lake) == sorted(f"e{n}" for n in range(2 * COUNT))


def uncommitted(log: EmbeddedEventLog) -> list[str]:
    """Ids of what would come again if the consumer died now."""
    subscription = log.subscribe(INTERACTIONS, GROUP)
    found = [record.id for record in subscription.poll(10_000, 0.0)]
    subscription.close()
    return found
