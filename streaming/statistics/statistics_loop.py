"""The loop that keeps item, trending and acceptance statistics up to date.

It follows the lake, not the log: what it counts is the table, so a killed consumer, a repeat or a rebalance cannot make it
count twice, and every consumer comes to the same figures.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from threading import Event

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable
from core.ports import Clock
from core.telemetry import STREAM_ACCEPTANCE
from lake.follower import Added, TableFollower
from lake.lake import IMPRESSIONS, INTERACTIONS, Lake
from lake.published_stats import publish
from streaming.statistics.acceptance_window import IMPRESSION_COLUMNS, INTERACTION_COLUMNS, AcceptanceWindow
from streaming.statistics.item_counts import COLUMNS, ItemCounts

_log = logging.getLogger(__name__)


class StatisticsLoop:
    """Publishes item statistics for the API, and the acceptance rate as a metric."""

    def __init__(self, lake: Lake, catalogue: Catalogue, path: Path, interval: float, clock: Clock = time.time) -> None:
        """`path` of the published file; `interval` in seconds between two looks at the lake."""
        self._catalogue = catalogue
        self._path = path
        self._interval = interval
        self._clock = clock
        self._events = TableFollower(lake, INTERACTIONS, COLUMNS)
        self._answers = TableFollower(lake, INTERACTIONS, INTERACTION_COLUMNS, history=False)
        self._shown = TableFollower(lake, IMPRESSIONS, IMPRESSION_COLUMNS, history=False)
        self._counts = ItemCounts(catalogue)
        self._acceptance = AcceptanceWindow()

    def run(self, stop: Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            try:
                self._count(self._events.look())
                self._accept(self._shown.look(), self._answers.look())
            except DependencyUnavailable as error:
                _log.warning("statistics are not updated for now: %s", error.detail)
            stop.wait(self._interval)

    def _count(self, added: Added | None) -> None:
        if added is None:
            return
        if added.whole:
            self._counts = ItemCounts(self._catalogue)
        self._counts.add(added.rows)
        publish(self._path, self._catalogue.ids, self._counts.stats(self._clock()))

    def _accept(self, shown: Added | None, answers: Added | None) -> None:
        self._acceptance.add(shown.rows if shown else None, answers.rows if answers else None)
        rate = self._acceptance.rate()
        if rate is not None:
            STREAM_ACCEPTANCE.set(rate)
