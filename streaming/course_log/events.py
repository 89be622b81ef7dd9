"""A course log -> interactions, and a dead letter for each line that cannot be used.

Minutes become one `watch` per session, a rating a `rating`. Accounts and served lists are counted only: a list without the
probability of its positions cannot be an impression. An event's id depends on its content alone, so that a repeat counts once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from core.deadletter import DeadLetter
from core.events import DEFAULT_CLOCK_RULE, INTERACTIONS, ClockRule, Interaction, check_clock
from core.ids import ExternalId, parse_id
from core.kinds import Kind
from streaming.course_log.movies import MovieIds
from streaming.course_log.parse import Rated, Rejected, Watched, parse
from streaming.course_log.sessions import Session, Sessions
from streaming.decoding import CLOCK, UNKNOWN_ITEM


class CourseLog:
    """Reads lines one by one; `seen` counts them by type."""

    def __init__(self, movies: MovieIds, sessions: Sessions, now: float, clock: ClockRule = DEFAULT_CLOCK_RULE) -> None:
        """`now` (Unix seconds) is the time that the lines' times are compared with, and the time of dead letters."""
        self.seen: Counter[str] = Counter()
        self._movies = movies
        self._sessions = sessions
        self._now = now
        self._clock = clock

    def read(self, lines: Iterable[bytes], complete: bool = True) -> Iterator[Interaction | DeadLetter]:
        """Events and letters as they come up.

        `complete`: sessions that are open at the end are ended; else they are left out, for a log that goes on.
        """
        for line in lines:
            yield from self._line(line)
        yield from map(self._watch, self._sessions.close() if complete else self._sessions.ended())

    def _line(self, line: bytes) -> Iterator[Interaction | DeadLetter]:
        entry = parse(line)
        self.seen[type(entry).__name__.lower()] += 1
        if isinstance(entry, Rejected):
            yield self._dead(entry)
        elif isinstance(entry, Watched | Rated):
            yield from self._usable(entry, line)

    def _usable(self, entry: Watched | Rated, line: bytes) -> Iterator[Interaction | DeadLetter]:
        """Whether the film is known and the time can be true, before it goes into any session."""
        item = self._movies.find(entry.movie)
        if item is None:
            yield self._dead(Rejected(UNKNOWN_ITEM, f"no item of the catalogue is {entry.movie!r}; --movies names it", line))
            return
        stars = entry.stars if isinstance(entry, Rated) else None
        probe = _interaction(Kind.RATING if stars else Kind.VIEW, entry, item, stars)
        if complaint := check_clock(probe, self._now, self._clock):
            yield self._dead(Rejected(CLOCK, complaint, line))
        elif isinstance(entry, Rated):
            yield probe
        else:
            yield from map(self._watch, self._sessions.add(replace(entry, movie=str(item))))

    def _watch(self, session: Session) -> Interaction:
        return Interaction(
            event_id=_id(Kind.WATCH.value, session.user_id, session.movie, session.start),
            user_id=session.user_id,
            item_id=parse_id(session.movie),
            kind=Kind.WATCH,
            value=float(session.minutes),
            ts=session.end,
        )

    def _dead(self, rejected: Rejected) -> DeadLetter:
        return DeadLetter(INTERACTIONS, rejected.reason, rejected.detail, rejected.line, self._now)


def _interaction(kind: Kind, entry: Watched | Rated, item: ExternalId, value: float | None) -> Interaction:
    event_id = _id(kind.value, entry.user_id, entry.movie, entry.ts, value)
    return Interaction(event_id=event_id, user_id=entry.user_id, item_id=item, kind=kind, value=value, ts=entry.ts)


def _id(*parts: object) -> str:
    return f"course:{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"
