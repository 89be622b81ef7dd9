"""Minutes that were streamed, gathered into sessions: one user, one film, no pause longer than a gap. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from streaming.course_log.parse import Watched

GAP = 30 * 60.0  # seconds; a longer pause ends a session
MAX_OPEN = 200_000  # about 75 MB
_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Session:
    """`minutes` counts different minutes of the film; `start` and `end` are Unix seconds."""

    user_id: int
    movie: str
    start: float
    end: float
    minutes: int


@dataclass(slots=True)
class _Open:
    start: float
    end: float
    minutes: int  # bit m is minute m: a line that comes twice counts once


class Sessions:
    """Sessions as they end, by the log's own time: the same lines in the same order always make the same sessions.

    Beyond `max_open` the session that was inactive longest ends early, so memory is bounded whatever the log contains.
    """

    def __init__(self, gap: float = GAP, max_open: int = MAX_OPEN) -> None:
        self._gap = gap
        self._max_open = max_open
        self._open: OrderedDict[_Key, _Open] = OrderedDict()  # the one touched last at the end
        self._now = float("-inf")

    def add(self, watched: Watched) -> Iterator[Session]:
        """The sessions that this line ends. Consume it whole."""
        key = (watched.user_id, watched.movie)
        found = self._open.get(key)
        if found is not None and not found.start - self._gap <= watched.ts <= found.end + self._gap:
            yield self._close(key)
            found = None
        if found is None:
            found = self._open[key] = _Open(watched.ts, watched.ts, 0)
        found.start, found.end = min(found.start, watched.ts), max(found.end, watched.ts)
        found.minutes |= 1 << watched.minute
        self._open.move_to_end(key)
        self._now = max(self._now, watched.ts)
        yield from self._silent()

    def ended(self) -> Iterator[Session]:
        """Every session whose gap has passed by the log's newest time."""
        for key in [key for key, one in self._open.items() if one.end + self._gap < self._now]:
            yield self._close(key)

    def close(self) -> Iterator[Session]:
        """All that are still open: the log is complete."""
        for key in list(self._open):
            yield self._close(key)

    def _silent(self) -> Iterator[Session]:
        while self._open:
            key, oldest = next(iter(self._open.items()))
            if len(self._open) <= self._max_open and oldest.end + self._gap >= self._now:
                return
            yield self._close(key)

    def _close(self, key: _Key) -> Session:
        one = self._open.pop(key)
        return Session(*key, one.start, one.end, one.minutes.bit_count())
