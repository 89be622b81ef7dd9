"""The acceptance of lists by the day on which they were shown, from the lake."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

from core import columns as c
from core.ports import Clock
from evaluation.acceptance import ACCEPTED, answered_lists
from evaluation.intervals import clustered_share
from lake.ports import Lake
from lake.recent import since
from lake.tables import IMPRESSIONS, INTERACTIONS

DAY = 86_400
_SETTLED = 3_600.0  # seconds after the last possible answer, by which it is in the lake unless that was away
_KEPT = 400  # days
_SHOWN = (c.REQUEST_ID, c.USER, c.ITEM, c.TS, c.LABEL)
_ANSWERS = (c.REQUEST_ID, c.USER, c.ITEM, c.KIND, c.TS)


class AcceptanceByDay:
    """Counts one day at a time, so that memory holds no more than one, and remembers those that can change no more.

    What is remembered may have lists of a user who was erased since: it is a count, and nobody's data.
    """

    def __init__(self, lake: Lake, attribution: float, clock: Clock = time.time) -> None:
        """`attribution`: seconds within which an answer belongs to a list."""
        self._lake = lake
        self._attribution = attribution
        self._clock = clock
        self._known: OrderedDict[int, dict[str, Any] | None] = OrderedDict()  # by day since 1970; None: no list
        self._counting = threading.Lock()  # two who ask at once do not count the same twice

    def of(self, days: int) -> list[dict[str, Any]]:
        """The last `days` days (UTC), today included, oldest first; none without a list. Raises DependencyUnavailable."""
        now = self._clock()
        today = int(now // DAY)
        with self._counting:
            found = [self._of_day(day, now) for day in range(today - days + 1, today + 1)]
        return [one for one in found if one is not None]

    def _of_day(self, day: int, now: float) -> dict[str, Any] | None:
        if day in self._known:
            return self._known[day]
        begin, end = float(day * DAY), float((day + 1) * DAY)
        shown = since(self._lake, IMPRESSIONS, begin, _SHOWN, end)
        counted = None
        if len(shown):
            answers = since(self._lake, INTERACTIONS, begin, _ANSWERS, end + self._attribution + 1.0)
            lists = answered_lists(shown, answers.drop_nulls(c.REQUEST_ID), self._attribution)
            counted = _counted(day, lists) if len(lists) else None
        if now > end + self._attribution + _SETTLED:
            self._known[day] = counted
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return counted


def _counted(day: int, lists: Any) -> dict[str, Any]:
    accepted = lists[ACCEPTED].to_numpy()
    share = clustered_share(accepted, lists[c.USER].to_numpy())
    return {
        "day": f"{datetime.fromtimestamp(day * DAY, UTC):%Y-%m-%d}",
        "shown": len(accepted),
        "accepted": int(accepted.sum()),
        "rate": share.mean,
        "low": share.low,
        "high": share.high,
    }
