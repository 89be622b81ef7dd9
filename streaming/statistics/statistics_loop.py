"""The loop that keeps item, trending and acceptance statistics up to date.

It follows the lake, not the log: what it counts is the table, so a killed consumer, a repeat or a rebalance cannot make it
count twice, and every consumer comes to the same figures.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from core import columns as c
from core.errors import DependencyUnavailable
from core.ports import Clock
from core.telemetry import STREAM_ACCEPTANCE
from evaluation.acceptance import ATTRIBUTION_SECONDS
from feature_repo.item_stats import STATS_COLUMNS, ItemCounts
from lake.items_feed import KnownItems
from lake.ports import Added, Lake
from lake.published_stats import publish
from lake.tables import IMPRESSIONS, INTERACTIONS
from streaming.statistics.acceptance_window import IMPRESSION_COLUMNS, INTERACTION_COLUMNS, AcceptanceWindow
from streaming.statistics.impression_counts import ANSWER_COLUMNS as ACCEPTED_COLUMNS
from streaming.statistics.impression_counts import AnswerCounts, ImpressionCounts

_log = logging.getLogger(__name__)


class StatisticsLoop:
    """Publishes item statistics for the API, and the acceptance rate as a metric."""

    def __init__(
        self,
        lake: Lake,
        items: KnownItems,
        path: Path,
        interval: float,
        clock: Clock = time.time,
        attribution: float = ATTRIBUTION_SECONDS,
    ) -> None:
        """`path` of the published file; `interval` in seconds between two looks at the lake; `attribution` in seconds."""
        self._items = items
        self._counted = items.facts  # what the counts have rows of
        self._path = path
        self._interval = interval
        self._clock = clock
        self._events = lake.follow(INTERACTIONS, tuple(dict.fromkeys((*STATS_COLUMNS, *ACCEPTED_COLUMNS))))
        self._answers = lake.follow(INTERACTIONS, INTERACTION_COLUMNS, history=False)
        self._shown = lake.follow(IMPRESSIONS, IMPRESSION_COLUMNS, history=False)
        self._impressions = lake.follow(IMPRESSIONS, (c.ITEM,))
        self._counts, self._impression_counts = ItemCounts(self._counted), ImpressionCounts()
        self._answer_counts = AnswerCounts()
        self._unpublished = False  # whether something was counted since the last file
        self._acceptance = AcceptanceWindow(attribution)

    def run(self, stop: Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            try:
                self.count()
                self._accept(self._shown.look(), self._answers.look())
            except DependencyUnavailable as error:
                _log.warning("statistics are not updated for now: %s", error.detail)
            stop.wait(self._interval)

    def count(self) -> None:
        """Count what is new in the lake and publish. Raises DependencyUnavailable; what was counted is published later."""
        if (added := self._events.look()) is not None:
            self._know(added.rows[c.ITEM].to_numpy())
            self._counts = ItemCounts(self._counted) if added.is_snapshot else self._counts
            self._counts.add(added.rows)
            self._answer_counts.add(added)
        if (shown := self._impressions.look()) is not None:
            self._know(shown.rows[c.ITEM].to_numpy())
            self._impression_counts.add(shown)
        if self._unpublished:
            stats, keys = self._counts.stats(self._clock()), self._counted.keys
            shown_times, answers = self._impression_counts.of(keys), self._answer_counts.of(keys)
            publish(self._path, keys, replace(stats, impressions=shown_times, answers=np.minimum(answers, shown_times)))
            self._unpublished = False

    def _know(self, keys: NDArray[np.int64]) -> None:
        """Have a row for each of these items that there is; something new is about to be counted."""
        self._unpublished = True
        now = self._items.with_keys(keys)
        if not np.array_equal(now.keys, self._counted.keys):
            self._counts = self._counts.on(now, self._counted.keys)
        self._counted = now

    def _accept(self, shown: Added | None, answers: Added | None) -> None:
        self._acceptance.add(shown.rows if shown else None, answers.rows if answers else None)
        if (now := self._acceptance.now()) is not None:
            STREAM_ACCEPTANCE.labels("list").set(now.per_list)
            STREAM_ACCEPTANCE.labels("user_day").set(now.per_user_day)
