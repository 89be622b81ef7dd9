"""Online features: fold a batch of interactions into the features of their users."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from core.deadletter import DeadLetter
from core.ports import Clock, FeatureReader, FeatureWriter
from core.telemetry import EVENTS_APPLIED, FRESHNESS_SECONDS, SERVED_TIMESTAMP
from feature_repo.signals import DEFAULT_SIGNALS, Signals
from streaming.decoding import ID_COLLISION, Decoded, dead
from streaming.handlers import updated_users

_COLLIDES = "the key of user {!r} is another user's; the events of the two are not merged"


class FeatureStore(FeatureReader, FeatureWriter, Protocol):
    """Reads and writes online features."""


class FeatureEffect:
    """Writes features; the fold's offsets make a repeat harmless.

    A user's features are read from the store for every batch and never kept: the API erases users there, and a copy in
    this process would bring an erased user back with the next event.
    """

    name = "features"
    dependency = "feature_store"

    def __init__(
        self,
        store: FeatureStore,
        genres: Mapping[int, Sequence[str]],
        signals: Signals = DEFAULT_SIGNALS,
        clock: Clock = time.time,
    ) -> None:
        """`genres` maps every known item to its genres; `signals` weigh events as the batch does."""
        self._store = store
        self._genres = genres
        self._signals = signals
        self._clock = clock

    def apply(self, batch: Sequence[Decoded]) -> Sequence[DeadLetter]:
        users = {one.user for one in batch}
        updated = updated_users(batch, {user: self._store.read(user) for user in users}, self._genres, self._signals)
        if updated.users:
            self._store.write(updated.users)
        now = self._clock()
        for kind, count in Counter(one.event.kind.value for one in batch).items():
            EVENTS_APPLIED.labels(kind).inc(count)
        for one in batch:
            FRESHNESS_SECONDS.observe(max(0.0, now - one.record.appended_at))
        SERVED_TIMESTAMP.labels("features").set(max((one.record.appended_at for one in batch), default=now))
        return [dead(one.record, ID_COLLISION, _COLLIDES.format(one.event.user_id), now) for one in updated.refused]
