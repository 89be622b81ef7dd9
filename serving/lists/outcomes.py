"""Logs how every list was made: what a new release is watched by while it is let in (`lifecycle.rollout`)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from core.errors import DependencyUnavailable
from core.events import LISTS, ListMade, MadeFrom
from core.ports import EventLog, Record
from core.telemetry import STAGE_ERRORS
from recommender.recommender import RecommendationResult
from recommender.roles import Query
from serving.lists.made_from import made_from
from serving.lists.write_behind import WriteBehind

_log = logging.getLogger(__name__)
LOG_LISTS = "log_lists"
GATHER_SECONDS = 0.5  # a process that is killed loses what it made in the last half second, which is no loss to a comparison


class Outcomes:
    """Makes outcomes durable behind the answer. One that finds no room is counted and lost: the list is shown all the same."""

    def __init__(self, log: EventLog, code_version: str = "") -> None:
        self._code_version = code_version
        self._failed = STAGE_ERRORS.labels("side_effect", LOG_LISTS)
        self._unpacked: deque[tuple[str, str, RecommendationResult, bool]] = deque()  # in the order in which they were shown
        self.writer = WriteBehind(log, LISTS, self._failed.inc, gather=GATHER_SECONDS)

    def shown(self, arm: str, release: str, made: RecommendationResult, failed: bool) -> None:
        """A list that was shown; `failed` says that `release` could not make it.

        What it was made from is packed when the event loop comes round, which is after the answer was sent: in a tenth of a
        millisecond that no answer waits for. A thread would have to fight for Python's lock with the next request, and under load
        it fell behind, with every list in memory that it had not packed yet.
        """
        self._unpacked.append((arm, release, made, failed))
        asyncio.get_running_loop().call_soon(self._pack)

    def shadow(self, query: Query, arm: str, release: str, seconds: float, overlap: float | None) -> None:
        """A list that nobody sees; no `overlap` if it could not be made."""
        self._log(query, arm, release, seconds, failed=overlap is None, overlap=overlap, shadow=True)

    def flush(self) -> bool:
        """Wait until everything is in the log; False if that takes too long."""
        self._pack()
        return self.writer.flush()

    def close(self) -> None:
        """Store what waits, and stop."""
        self._pack()
        self.writer.close()

    def _pack(self) -> None:
        while self._unpacked:
            self._shown(*self._unpacked.popleft())

    def _shown(self, arm: str, release: str, made: RecommendationResult, failed: bool) -> None:
        """Behind the answer, where nobody else would see a bug."""
        try:
            stored, degraded = made_from(made, self._code_version), bool(made.trace.failed())
            self._log(made.query, arm, release, made.seconds, failed=failed, degraded=degraded, stored=stored)
        except Exception:
            _log.exception("the list of request %s is not on record", made.query.request_id)
            self._failed.inc()

    def _log(
        self,
        query: Query,
        arm: str,
        release: str,
        seconds: float,
        failed: bool,
        degraded: bool = False,
        shadow: bool = False,
        overlap: float | None = None,
        stored: MadeFrom | None = None,
    ) -> None:
        outcome = ListMade(
            request_id=query.request_id,
            user_id=query.shown_user,
            arm=arm,
            model_version=release,
            ts=query.now,
            seconds=seconds,
            failed=failed,
            degraded=degraded,
            shadow=shadow,
            overlap=overlap,
            made_from=stored,
        )
        try:
            self.writer.submit([Record(str(query.shown_user), outcome.event_id, outcome.model_dump_json().encode())])
        except DependencyUnavailable:
            self._failed.inc()
