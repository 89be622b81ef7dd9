"""Behaviour under load: batches that grow with the backlog, and load shedding that drops the least valuable events first."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from core.telemetry import CONSUMER_BATCH, CONSUMER_LAG, EVENTS_SHED
from feature_repo.signals import DEFAULT_WEIGHTS, SignalWeights
from streaming.decoding import Decoded

_log = logging.getLogger(__name__)

# (backlog in largest batches, weight that an event must have from there on): clicks and browsing go first, then searches and
# watching, and ratings, reviews, purchases and watchlist adds never
_LEVELS = ((10.0, 1.0), (2.0, 0.3))


class AdaptiveBatch:
    """The size of a group's batches: doubled while more records wait than fit into one, halved when few do."""

    def __init__(self, group: str, min_size: int, max_size: int) -> None:
        self._group = group
        self._min_size = min_size
        self.max_size = max(min_size, max_size)
        self.limit = min_size
        self.lag = 0

    def observe(self, lag: int) -> None:
        """`lag` records wait after the last poll."""
        self.lag = lag
        if lag > self.limit:
            self.limit = min(self.limit * 2, self.max_size)
        elif lag < self.limit // 4:
            self.limit = max(self.limit // 2, self._min_size)
        CONSUMER_LAG.labels(self._group).set(lag)
        CONSUMER_BATCH.labels(self._group).set(self.limit)


class Shedding:
    """Load shedding for effects that learn. Never use it for effects that count or store."""

    def __init__(self, group: str, weights: SignalWeights = DEFAULT_WEIGHTS) -> None:
        self._group = group
        self._weights = weights
        self._floor = 0.0

    def keep(self, batch: Sequence[Decoded], pace: AdaptiveBatch) -> Sequence[Decoded]:
        """The events of the batch that are worth processing now. Dropped events are counted, and a change of level is logged."""
        floor = next((weight for batches, weight in _LEVELS if pace.lag > batches * pace.max_size), 0.0)
        if floor != self._floor:
            change = f"leaves out events that weigh less than {floor}" if floor else "takes every event again"
            _log.warning("%s %s: %d records wait", self._group, change, pace.lag)
            self._floor = floor
        if not floor:
            return batch
        kept = [one for one in batch if self._weights.of(one.event.kind.value) >= floor]
        lost = Counter(one.event.kind.value for one in batch) - Counter(one.event.kind.value for one in kept)
        for kind, count in lost.items():
            EVENTS_SHED.labels(self._group, kind).inc(count)
        return kept
