"""The loop that keeps online features up to date: poll, fold, write, commit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Protocol

from core.deadletter import DeadLetter, to_record
from core.events import DEADLETTER, INTERACTIONS
from core.ports import Clock, EventLog, FeatureReader, FeatureWriter, LoggedRecord
from core.telemetry import CONSUMER_LAG, EVENTS_APPLIED, EVENTS_QUARANTINED, FRESHNESS_SECONDS
from streaming.handlers import Decoded, decode, updated_users
from streaming.retrying import until_it_works

GROUP = "features"


class FeatureStore(FeatureReader, FeatureWriter, Protocol):
    """Reads and writes online features."""


@dataclass(frozen=True)
class FeatureLoopConfig:
    """How many events are applied at once, and how long an idle poll waits (seconds)."""

    batch: int = 500
    poll: float = 0.5


class FeatureLoop:
    """Applies interactions to online features. At-least-once delivery; the fold's offsets make a repeat harmless."""

    def __init__(
        self,
        log: EventLog,
        store: FeatureStore,
        genres: Mapping[int, Sequence[str]],
        config: FeatureLoopConfig,
        clock: Clock = time.time,
    ) -> None:
        """`genres` maps every known item to its genres; an event on another item goes to the dead letters."""
        self._log = log
        self._store = store
        self._genres = genres
        self._config = config
        self._clock = clock

    def run(self, stop: Event) -> None:
        """Until `stop` is set; the batch in hand is finished and committed first."""
        subscription = self._log.subscribe(INTERACTIONS, GROUP)
        try:
            while not stop.is_set():
                records = until_it_works(partial(subscription.poll, self._config.batch, self._config.poll), "event_log", stop)
                if records and until_it_works(partial(self._apply, records), "feature_store", stop):
                    until_it_works(subscription.commit, "event_log", stop)
        finally:
            subscription.close()

    def _apply(self, records: Sequence[LoggedRecord]) -> bool:
        """Everything of a batch: features first, because somebody waits for them. True, for `until_it_works`."""
        CONSUMER_LAG.set(len(records))
        outcomes = [decode(record, self._genres, self._clock()) for record in records]
        decoded = [outcome for outcome in outcomes if isinstance(outcome, Decoded)]
        users = {one.event.user_id for one in decoded}
        changed = updated_users(decoded, {user: self._store.read(user) for user in users}, self._genres)
        self._store.write(changed)
        self._count(decoded)
        self._set_aside([(r, o) for r, o in zip(records, outcomes, strict=True) if isinstance(o, DeadLetter)])
        return True

    def _count(self, decoded: Sequence[Decoded]) -> None:
        now = self._clock()
        for one in decoded:
            EVENTS_APPLIED.labels(one.event.kind.value).inc()
            FRESHNESS_SECONDS.observe(max(0.0, now - one.record.appended_at))

    def _set_aside(self, dead: Sequence[tuple[LoggedRecord, DeadLetter]]) -> None:
        if dead and self._log.append(DEADLETTER, [to_record(letter, record.key) for record, letter in dead]):
            for _, letter in dead:
                EVENTS_QUARANTINED.labels(letter.reason).inc()
