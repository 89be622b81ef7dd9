"""Group commit: records are appended from one thread, and those that arrive during an append go together with the next.

An answer does not wait for a disk, and a log that is down is caught up with later. The price: a process that is killed
loses the records of its last append or two, milliseconds normally. That is right for impressions and wrong for events.

Records stay queued until they are appended, even if a bug makes the append fail: the thread is started again and repeats the
batch. After three such failures the batch is appended one by one, and a record that still fails while others succeed is
quarantined: logged as an error with its content, counted in `marquee_records_quarantined_total`, and taken out of the queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from core.background import Background
from core.errors import DependencyUnavailable
from core.ports import EventLog, Record
from core.telemetry import RECORDS_QUARANTINED
from serving.poison import MAX_FAILURES, append_one_by_one

log = logging.getLogger(__name__)

BATCH = 2000  # maximum number of records of one append


class WriteBehind:
    """Appends to one topic in the order of `submit`. Thread-safe. `background` is its thread."""

    def __init__(
        self,
        log: EventLog,
        topic: str,
        on_failure: Callable[[], None],
        capacity: int = 20_000,
        retry_after: float = 1.0,
        gather: float = 0.0,
    ) -> None:
        """`on_failure` is called each time the log is unavailable; the append is retried `retry_after` seconds later.

        Records are gathered for `gather` seconds before an append: fewer appends, for records that nobody waits for.
        """
        self._log = log
        self._topic = topic
        self._on_failure = on_failure
        self._capacity = capacity
        self._retry_after = retry_after
        self._gather = gather
        self._flushing = 0  # callers that wait for everything to be stored
        self._waiting: list[Record] = []
        self._closed = False
        self._changed = threading.Condition()
        self._failures = 0  # unexpected ones in a row, of the records at the head of the queue
        self.background = Background(f"write-behind {topic}", self._write)
        self.background.start()

    def submit(self, records: Sequence[Record]) -> None:
        """Queue the records; returns at once. Raises DependencyUnavailable when too many wait already."""
        with self._changed:
            if len(self._waiting) + len(records) > self._capacity:
                raise DependencyUnavailable("event log", f"{len(self._waiting)} records are waiting for it", "see /health/ready")
            idle = not self._waiting  # or it gathers, or appends, and would be woken for nothing
            self._waiting.extend(records)
            if idle:
                self._changed.notify_all()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything is in the log; False if that takes more than `timeout` seconds."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._waiting, timeout)
            finally:
                self._flushing -= 1

    def close(self, timeout: float = 5.0) -> None:
        """Flush and stop. What the log does not accept within `timeout` seconds is lost, which is logged."""
        if not self.flush(timeout):
            log.error("%d records for %s are lost: the event log did not accept them", len(self._waiting), self._topic)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.background.stop(timeout)

    def _write(self) -> None:
        while batch := self._next():
            try:
                self._append(batch)
            except DependencyUnavailable as error:
                log.warning("%d records for %s are waiting: %s", len(self._waiting), self._topic, error.detail)
                self._on_failure()
                self._pause()
            except Exception:
                self._failures += 1
                raise  # to the supervisor, which starts this again
            else:
                self._failures = 0
                with self._changed:
                    del self._waiting[: len(batch)]
                    self._changed.notify_all()

    def _append(self, batch: list[Record]) -> None:
        """All at once, or one by one when that failed too often. Raises whatever the log raises."""
        if self._failures < MAX_FAILURES:
            self._log.append(self._topic, batch)
            return
        for poison in append_one_by_one(lambda record: self._log.append(self._topic, [record]), batch):
            log.error("quarantined: %s does not accept %r", self._topic, batch[poison.at], exc_info=poison.error)
            RECORDS_QUARANTINED.labels(self._topic).inc()

    def _next(self) -> list[Record]:
        """The next records, which stay queued until they are appended; none once the writer is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(lambda: self._flushing or self._closed, self._gather)
            return [] if self._closed else self._waiting[:BATCH]

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, self._retry_after)
