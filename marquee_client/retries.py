"""When a request is sent again, and after how long. Pure: the clients wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

REFUSED = frozenset({429})  # not carried out, whatever it was
TEMPORARY = frozenset({408, 429, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """Waits `first` seconds, doubled each time up to `most`, each shortened by chance so that clients do not come back together.

    An answer that says when to ask again (`Retry-After`) is waited for at least; if that is longer than `patience`, the problem
    is raised at once. `attempts` counts the first one; 1 turns retries off.
    """

    attempts: int = 4
    first: float = 0.2
    most: float = 10.0
    patience: float = 60.0
    chance: Callable[[], float] = field(default=random.random, repr=False)  # 0 to 1

    def after_answer(self, attempt: int, status: int, retry_after: float | None, repeatable: bool) -> float | None:
        """Seconds to wait after the answer to attempt 1, 2, ...; None: no further attempt."""
        if attempt >= self.attempts or status not in TEMPORARY or not (repeatable or status in REFUSED):
            return None
        if retry_after is not None and retry_after > self.patience:
            return None
        return max(self._pause(attempt), retry_after or 0.0)

    def after_failure(self, attempt: int, was_sent: bool, repeatable: bool) -> float | None:
        """The same where no answer came. A request that never left may always be sent again."""
        return None if attempt >= self.attempts or (was_sent and not repeatable) else self._pause(attempt)

    def _pause(self, attempt: int) -> float:
        return float(min(self.most, self.first * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * self.chance()))


def seconds_of(header: str | None) -> float | None:
    """What `Retry-After` says: seconds, or a date; None for anything else."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
