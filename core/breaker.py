"""A circuit breaker that nobody waits for: who meets a service that does not answer goes on without it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor

from core.errors import MarqueeError
from core.ports import Monotonic

_log = logging.getLogger(__name__)


class Breaker:
    """Whether a service is worth waiting for. Thread-safe.

    Open after `failures` failures in a row: then callers go on without the service at once. Every `retry_after` seconds one of
    them has it asked behind its own answer, and the first call that succeeds closes the breaker. So an outage costs a time-out to
    those who meet it first, and to nobody after them.
    """

    def __init__(self, service: str, retry_after: float, failures: int = 1, clock: Monotonic = time.monotonic) -> None:
        """`service` is its name in the log."""
        self._service = service
        self._retry_after = retry_after
        self._failures = failures
        self._clock = clock
        self._failed = 0  # in a row
        self._retry_at = 0.0  # on the clock
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        return self._failed >= self._failures

    def may_ask(self) -> bool:
        """While it is open: whether this caller is the one to have the service asked now, without waiting for the answer."""
        with self._lock:
            now = self._clock()
            if not self.open or now < self._retry_at:
                return False
            self._retry_at = now + self._retry_after
            return True

    def failed(self, reason: str) -> None:
        """A call failed, or took too long."""
        with self._lock:
            was = self.open
            self._failed += 1
            self._retry_at = self._clock() + self._retry_after
            opened = self.open and not was
        if opened:
            _log.warning("%s is not waited for until it answers again: %s", self._service, reason)

    def answered(self) -> None:
        """A call succeeded."""
        with self._lock:
            closed, self._failed = self.open, 0
        if closed:
            _log.warning("%s answers again", self._service)

    def ask_behind(self, threads: Executor, call: Callable[[], object], patience: float) -> None:
        """While it is open: `call` the service in a thread, if it is time. It answers if it does within `patience` seconds."""
        if self.may_ask():
            threads.submit(self._ask, call, patience)

    def _ask(self, call: Callable[[], object], patience: float) -> None:
        start = self._clock()
        try:
            call()
        except MarqueeError as error:
            self.failed(error.detail)
        except Exception as error:  # a bug, which nobody else would see
            _log.exception("%s could not be asked", self._service)
            self.failed(str(error))
        else:
            taken = self._clock() - start
            if taken <= patience:
                self.answered()
            else:
                self.failed(f"it took {taken * 1e3:.0f} ms")
