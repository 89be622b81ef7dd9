"""Who sends wrong keys may not send many: a limit for each address, before a key is looked at.

An operator may have chosen the admin key, and what people choose can be guessed. Beyond the limit no key of that address is
looked at for the rest of a minute, so that a right guess is answered like a wrong one. Keys that the address has used before
still hold: behind a proxy an address is everybody's, and one of them must not lock out the others. Tokens are not counted,
because a signature cannot be guessed and an old one is no attack. Each process counts for itself.
"""

from __future__ import annotations

import hashlib
import time

from cachetools import TTLCache

from core.ports import Monotonic
from core.telemetry import WRONG_KEYS
from serving.access.refusals import TooManyRequests

PER_MINUTE = 20
SECONDS = 60.0
_REMEMBERED = 3600.0  # seconds for which a key that was right is known
_ADDRESSES, _KEYS = 10_000, 10_000


class Guesses:
    """Wrong keys by address. Used from the event loop alone."""

    def __init__(self, per_minute: int = PER_MINUTE, clock: Monotonic = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._wrong: TTLCache[str, tuple[int, float]] = TTLCache(_ADDRESSES, SECONDS, clock)  # number, and when the first one was
        self._right: TTLCache[bytes, None] = TTLCache(_KEYS, _REMEMBERED, clock)

    def check(self, address: str | None, key: str) -> None:
        """Raises TooManyRequests where the address has sent too many wrong keys, unless it has used this one before."""
        wrong, since = self._wrong.get(address or "", (0, 0.0))
        if wrong < self._per_minute or _digest(address, key) in self._right:
            return
        WRONG_KEYS.labels("limited").inc()
        left = max(1.0, since + SECONDS - self._clock())
        raise TooManyRequests("an address that sends wrong keys", self._per_minute, left, {})

    def was_wrong(self, address: str | None) -> None:
        WRONG_KEYS.labels("refused").inc()
        if address is None:
            return
        wrong, since = self._wrong.get(address, (0, self._clock()))
        if self._clock() - since >= SECONDS:
            wrong, since = 0, self._clock()
        self._wrong[address] = wrong + 1, since

    def was_right(self, address: str | None, key: str) -> None:
        self._right[_digest(address, key)] = None


def _digest(address: str | None, key: str) -> bytes:
    return hashlib.sha256(f"{address}\n{key}".encode("utf-8", "surrogateescape")).digest()
