"""An event log that may be unavailable: meanwhile events are kept in the outbox, and delivered when it is back.

While the log answers, events go straight to it, where they are safer than on this disk. Once it does not, or while earlier
events still wait, they are written to the outbox before they are acknowledged, and one thread delivers them in the order in
which they came. So one user's events stay in order, and a client gets its 202 until the outbox is full.

A delivery that fails because of a bug is repeated. After three such failures its events are delivered one by one, and one that
still fails while others succeed moves to the table `quarantine` of the outbox, where it neither blocks others nor gets lost.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from core.background import Background
from core.errors import DependencyUnavailable, MarqueeError, StorageFull
from core.events import INTERACTIONS
from core.ports import Clock, EventLog, LoggedRecord, Record, Subscription
from core.telemetry import OUTBOX_AGE, OUTBOX_EVENTS, RECORDS_QUARANTINED
from core.words import counted
from serving.health import Finding, HealthCheck, Status
from serving.intake.outbox import Outbox, Waiting
from serving.poison import MAX_FAILURES, append_one_by_one

_log = logging.getLogger(__name__)
_BATCH = 500  # events of one delivery


class OutboxLog:
    """EventLog with an outbox in front of it. Thread-safe. `background` is the thread that delivers."""

    def __init__(self, inner: EventLog, path: Path, max_events: int, every: float = 1.0, clock: Clock = time.time) -> None:
        """The file `path` keeps at most `max_events` events; `every` is the seconds between two attempts to reach the log."""
        self._inner = inner
        self._outbox = Outbox(path, max_events)
        self._lock = path.with_suffix(".lock").open("w")
        self._every = every
        self._clock = clock
        self._answers = False  # until the first call that succeeds
        self._closed = False
        self._news = False  # something was put into the outbox since it was last looked into
        self._changed = threading.Condition()
        self._failures = 0  # unexpected ones in a row, of the oldest events
        self.background = Background("outbox", self._deliver_all)
        self.background.start()

    def append(self, topic: str, records: Sequence[Record]) -> int:
        """Durable when it returns, in the log or in the outbox. Raises DependencyUnavailable when the outbox is full too."""
        if self._answers and self._outbox.is_empty():
            try:
                return self._inner.append(topic, records)
            except DependencyUnavailable as error:
                self._answered(False, error.detail)
        new = self._outbox.put(topic, records, self._clock())
        with self._changed:
            self._news = True
            self._changed.notify_all()
        return new

    def subscribe(self, topic: str, group: str) -> Subscription:
        return self._inner.subscribe(topic, group)

    def read(self, topic: str) -> Iterator[LoggedRecord]:
        return self._inner.read(topic)

    def waiting(self, topic: str, group: str) -> int:
        return self._inner.waiting(topic, group)

    def check(self) -> HealthCheck:
        """Degraded while the log is unavailable or events wait; down when even the outbox cannot be written."""

        def probe() -> Finding:
            waiting, since = self._outbox.state()
            if since is not None:
                return Finding(
                    Status.DEGRADED, f"{counted(waiting, 'event')} in the outbox, waiting for {self._clock() - since:.0f} s"
                )
            if not self._answers:
                return Finding(Status.DEGRADED, "the log does not answer; events are kept in the outbox")
            return Finding(Status.UP, "the log answers, and no events are waiting")

        return HealthCheck("event_log", probe)

    def close(self) -> None:
        """What waits stays on disk for the next process."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.background.stop()
        self._outbox.close()
        self._lock.close()
        self._inner.close()

    def _deliver_all(self) -> None:
        """Deliver until closed."""
        while not self._closed:
            self._news, delivered, failed = False, False, False
            try:
                delivered = self._deliver()
            except MarqueeError as error:
                failed = True
                self._answered(False, error.detail)
            except Exception:
                self._failures += 1
                raise  # to the supervisor, which starts this again
            with suppress(StorageFull):
                self._measure()
            if failed:
                self._wait(lambda: self._closed)
            elif not delivered:
                self._wait(lambda: self._closed or self._news)

    def _deliver(self) -> bool:
        """Deliver the oldest events, and return whether there were any. Without any it only checks that the log answers."""
        batch = self._outbox.oldest(_BATCH) if self._alone() else []
        for topic, group in groupby(batch, key=lambda waiting: waiting.topic):
            run = list(group)
            self._append(topic, run)
            self._outbox.forget(run[-1].place)
            self._failures = 0
        if not batch:
            self._inner.append(INTERACTIONS, [])
        self._answered(True, f"{counted(len(batch), 'event')} delivered")
        return bool(batch)

    def _append(self, topic: str, run: Sequence[Waiting]) -> None:
        """All at once, or one by one when that failed too often. Raises whatever the log raises."""
        records = [waiting.record for waiting in run]
        if self._failures < MAX_FAILURES:
            self._inner.append(topic, records)
            return
        for poison in append_one_by_one(lambda record: self._inner.append(topic, [record]), records):
            _log.error("quarantined: %s does not accept event %s", topic, records[poison.at].id, exc_info=poison.error)
            self._outbox.quarantine(run[poison.at].place, f"{type(poison.error).__name__}: {poison.error}")
            RECORDS_QUARANTINED.labels(topic).inc()

    def _alone(self) -> bool:
        """Whether this process is the one that delivers, for as long as it lives: two would mix up the order."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, over: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(over, self._every)

    def _answered(self, answers: bool, detail: str) -> None:
        if answers != self._answers:
            _log.warning("the event log %s: %s", "answers" if answers else "is unavailable; the outbox keeps events", detail)
        self._answers = answers

    def _measure(self) -> None:
        waiting, since = self._outbox.state()
        OUTBOX_EVENTS.set(waiting)
        OUTBOX_AGE.set(0.0 if since is None else max(0.0, self._clock() - since))
