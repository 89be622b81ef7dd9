"""How a loop behaves under load: batches that grow with the backlog, and work that is left out, of least value first."""

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
    """The size of a group's batches: doubled while more waits than it takes, halved when little does."""

    def __init__(self, group: str, smallest: int, largest: int) -> None:
        self._group = group
        self._smallest = smallest
        self.largest = max(smallest, largest)
        self.limit = smallest
        self.lag = 0

    def saw(self, lag: int) -> None:
        """`lag` records wait after the last poll."""
        self.lag = lag
        if lag > self.limit:
            self.limit = min(self.limit * 2, self.largest)
        elif lag < self.limit // 4:
            self.limit = max(self.limit // 2, self._smallest)
        CONSUMER_LAG.labels(self._group).set(lag)
        CONSUMER_BATCH.labels(self._group).set(self.limit)


class Shedding:
    """Chooses what an overloaded effect does without. For effects that learn, never for those that count or store."""

    def __init__(self, group: str, weights: SignalWeights = DEFAULT_WEIGHTS) -> None:
        self._group = group
        self._weights = weights
        self._floor = 0.0

    def keep(self, batch: Sequence[Decoded], pace: AdaptiveBatch) -> Sequence[Decoded]:
        """The events of the batch that are worth their time now; the others are counted, and a change of mind is logged."""
        floor = next((weight for batches, weight in _LEVELS if pace.lag > batches * pace.largest), 0.0)
        if floor != self._floor:
            said = f"leaves out events that weigh less than {floor}" if floor else "takes every event again"
            _log.warning("%s %s: %d records wait", self._group, said, pace.lag)
            self._floor = floor
        if not floor:
            return batch
        kept = [one for one in batch if self._weights.of(one.event.kind.value) >= floor]
        lost = Counter(one.event.kind.value for one in batch) - Counter(one.event.kind.value for one in kept)
        for kind, count in lost.items():
            EVENTS_SHED.labels(self._group, kind).inc(count)
        return kept
