"""Who was erased, and when: what the consumer asks before it applies an event that was sent late.

Of an erased user only a hash of the key is kept, with the time. Events of before it are forgotten wherever they come from; a user
who comes back begins anew.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import suppress

import polars as pl

from core import columns as c
from core.errors import DependencyUnavailable
from core.ports import Clock, Monotonic
from lake.ports import Lake
from lake.tables import ERASED, read_or_empty


def hash_of(user: int) -> str:
    """What is kept of a user's key, as 32 hex digits."""
    return hashlib.blake2b(str(user).encode(), digest_size=16, person=b"marquee.erased").hexdigest()


def remember_erased(lake: Lake, user: int, clock: Clock = time.time) -> None:
    """Put down that a user (key) is erased now. Raises DependencyUnavailable, StorageFull."""
    lake.upsert(ERASED, pl.DataFrame({c.HASH: [hash_of(user)], c.TS: [clock()]}), [c.HASH])


class ErasedUsers:
    """The erasures as of at most `interval` seconds ago; the last known ones while the lake does not answer. Thread-safe."""

    def __init__(self, lake: Lake, interval: float = 1.0, clock: Monotonic = time.monotonic) -> None:
        self._lake = lake
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._version = -1
        self._erased: dict[str, float] = {}

    def forgets(self, user: int, ts: float) -> bool:
        """Whether an event of a user (key) at a time (Unix seconds) is of before the user was erased."""
        with self._lock:
            if self._clock() - self._looked >= self._interval:
                self._look()
            return bool(self._erased) and ts <= self._erased.get(hash_of(user), float("-inf"))

    def _look(self) -> None:
        with suppress(DependencyUnavailable):
            version = self._lake.version(ERASED)
            if version != self._version:
                rows = read_or_empty(self._lake, ERASED)
                self._erased = dict(zip(rows[c.HASH].to_list(), rows[c.TS].to_list(), strict=True))
                self._version = version
        self._looked = self._clock()
