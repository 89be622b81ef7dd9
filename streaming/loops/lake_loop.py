"""The loop that keeps the lake up to date: gather for a while, append once, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event

from core.ports import Clock, EventLog, LoggedRecord
from core.telemetry import LAKE_ROWS
from lake.ports import Lake, Writer
from lake.tables import INTERACTIONS
from streaming.deadletters.writing import write_dead_letters
from streaming.handlers import Rows
from streaming.loops.retrying import retry_until_available

GROUP = "lake"  # that fills the table of interactions
ToRows = Callable[[Sequence[LoggedRecord], float], Rows]  # (records, now in Unix seconds)
_MAX_RECORDS = 20_000  # records of one append
APPENDS_PER_MERGE = 50
_MIN_WAIT, _MAX_WAIT = 0.05, 0.5  # seconds of one poll: an idle loop sleeps, a stop is seen soon


def group_of(table: str) -> str:
    """The consumer group that fills a table.

    Each reads one topic. Where several were read as one group, Kafka's leader now and then shared out partitions before it knew
    those of all topics, and a member that had none then stood still for good.
    """
    return GROUP if table == INTERACTIONS else f"{GROUP}.{table}"


class LakeLoop:
    """Copies one topic into one table, exactly once.

    An append carries (topic and partition, last offset) as a writer transaction for each partition in it. Records at or
    before the last appended offset are left out, so a crash between the append and the commit repeats nothing.
    """

    def __init__(
        self, log: EventLog, lake: Lake, topic: str, table: str, to_rows: ToRows, flush: float, clock: Clock = time.time
    ) -> None:
        """`flush`: seconds for which records are gathered before one append; with 0 every poll is appended."""
        self._log = log
        self._lake = lake
        self._topic = topic
        self._table = table
        self._to_rows = to_rows
        self._flush = flush
        self._clock = clock
        self._appends = 0

    def run(self, stop: Event) -> None:
        """Until `stop` is set; what was gathered is appended and committed first."""
        subscription = retry_until_available(partial(self._log.subscribe, self._topic, group_of(self._table)), "event_log", stop)
        if subscription is None:
            return
        try:
            while not stop.is_set():
                gathered = self._gather(subscription.poll, stop)
                appended = retry_until_available(partial(self._append, gathered), "lake", stop) if gathered else None
                if appended:
                    retry_until_available(subscription.commit, "event_log", stop)
                    self._merge()
        finally:
            subscription.close()

    def _gather(self, poll: Callable[[int, float], list[LoggedRecord]], stop: Event) -> list[LoggedRecord]:
        gathered: list[LoggedRecord] = []
        deadline = time.monotonic() + self._flush
        while len(gathered) < _MAX_RECORDS and not stop.is_set():
            wait = min(max(deadline - time.monotonic(), _MIN_WAIT), _MAX_WAIT)
            gathered += retry_until_available(partial(poll, _MAX_RECORDS - len(gathered), wait), "event_log", stop) or []
            if time.monotonic() >= deadline:
                break
        return gathered

    def _append(self, records: Sequence[LoggedRecord]) -> bool:
        """Always True, for `retry_until_available`."""
        while fresh := self._fresh(records):
            rows = self._to_rows(fresh, self._clock())
            write_dead_letters(self._log, rows.dead)  # before the append, after which these records are never read again
            if not len(rows.table):
                break
            last = {self._writer(record.partition): record.offset for record in fresh}  # the last of each, they are in order
            if self._lake.append(self._table, rows.table, *(Writer(name, offset) for name, offset in last.items())):
                LAKE_ROWS.labels(self._table).inc(len(rows.table))
                break
        return True

    def _merge(self) -> None:
        self._appends += 1
        if self._appends % APPENDS_PER_MERGE == 0:
            self._lake.compact(self._table)

    def _fresh(self, records: Sequence[LoggedRecord]) -> list[LoggedRecord]:
        """What the table does not have, each partition's in order and once.

        A rebalance while gathering hands over again what was not committed, and another consumer may have appended since.
        """
        by_place = {(record.partition, record.offset): record for record in records}
        done = self._lake.progress(self._table, sorted({self._writer(record.partition) for record in records}))
        places = sorted(place for place in by_place if place[1] > done[self._writer(place[0])])
        return [by_place[place] for place in places]

    def _writer(self, partition: int) -> str:
        return f"{self._topic}-{partition}"
