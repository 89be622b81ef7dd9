"""The loop that keeps the lake up to date: gather for a while, append once, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event

import polars as pl

from core.lake import Lake, Writer
from core.ports import EventLog, LoggedRecord
from core.telemetry import LAKE_ROWS
from streaming.retrying import until_it_works

GROUP = "lake"
ToRows = Callable[[Sequence[LoggedRecord]], pl.DataFrame]
_MOST = 20_000  # records of one append


class LakeLoop:
    """Copies one topic into one table, exactly once.

    An append carries (topic and partition, last offset) as a writer transaction. Records at or before the last appended
    offset are left out, so a crash between the append and the commit repeats nothing.
    """

    def __init__(self, log: EventLog, lake: Lake, topic: str, table: str, to_rows: ToRows, flush: float) -> None:
        """`flush`: seconds for which records are gathered before one append."""
        self._log = log
        self._lake = lake
        self._topic = topic
        self._table = table
        self._to_rows = to_rows
        self._flush = flush

    def run(self, stop: Event) -> None:
        """Until `stop` is set; what was gathered is appended and committed first."""
        subscription = self._log.subscribe(self._topic, GROUP)
        try:
            while not stop.is_set():
                gathered = self._gather(subscription.poll, stop)
                appended = until_it_works(partial(self._append, gathered), "lake", stop) if gathered else None
                if appended:
                    until_it_works(subscription.commit, "event_log", stop)
        finally:
            subscription.close()

    def _gather(self, poll: Callable[[int, float], list[LoggedRecord]], stop: Event) -> list[LoggedRecord]:
        gathered: list[LoggedRecord] = []
        deadline = time.monotonic() + self._flush
        while len(gathered) < _MOST and not stop.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            wait = min(left, 0.5)
            room = _MOST - len(gathered)
            gathered += until_it_works(partial(poll, room, wait), "event_log", stop) or []
        return gathered

    def _append(self, records: Sequence[LoggedRecord]) -> bool:
        """True, for `until_it_works`."""
        for partition in sorted({record.partition for record in records}):
            writer = f"{self._topic}-{partition}"
            done = self._lake.last_written(self._table, writer)
            fresh = [record for record in records if record.partition == partition and record.offset > done]
            if not fresh:
                continue
            rows = self._to_rows(fresh)
            if len(rows):
                self._lake.append(self._table, rows, Writer(writer, fresh[-1].offset))
                LAKE_ROWS.labels(self._table).inc(len(rows))
        return True
