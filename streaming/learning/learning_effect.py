"""Online learning as an effect of the stream: events become examples and transitions, and each new version is published."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from core.deadletter import DeadLetter
from core.features import UserFeatures
from core.ports import FeatureReader, Monotonic
from core.telemetry import EVENTS_SHED, LEARNED_EXAMPLES, LEARNED_LIFT, LEARNED_ROLLBACKS, LEARNED_VERSION
from lake.learned_vectors import LearnedVectors
from retrieval.history import EncodedHistory
from streaming.decoding import Decoded
from streaming.learning.examples import examples_of
from streaming.learning.learner import OnlineLearner
from streaming.learning.transition_counter import TransitionCounter

LEARNER = "learner"  # the consumer group


@dataclass(frozen=True)
class LearningBudget:
    """Limits on the time and the events that learning may use."""

    interval: float = 1.0  # minimum number of seconds between two versions
    max_events: int = 256  # events of a batch that become examples: what one core does in a third of a second


class LearningEffect:
    """Learns from a batch and publishes the result at most once per interval; while it waits, the next batch grows.

    Learned vectors are an estimate and not a record: a killed consumer loses the steps since the last version, and a batch that
    is delivered again is learned from again.
    """

    name = LEARNER
    dependency = "feature_store"

    def __init__(
        self,
        store: FeatureReader,
        learner: OnlineLearner,
        transitions: TransitionCounter,
        publish: Callable[[LearnedVectors, csr_matrix], None],
        catalogue: Catalogue,
        history_of: Callable[[UserFeatures], EncodedHistory],
        since: float,
        budget: LearningBudget | None = None,
        clock: Monotonic = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`catalogue`, `history_of` and `since` (Unix seconds: it has learned everything before) are those of the release."""
        self._store = store
        self._learner = learner
        self._publish = publish
        self._catalogue = catalogue
        self._history_of = history_of
        self._since = since
        self._transitions = transitions
        self._budget = budget or LearningBudget()
        self._clock = clock
        self._sleep = sleep
        self._rng = np.random.default_rng(0)

    def apply(self, batch: Sequence[Decoded]) -> Sequence[DeadLetter]:
        """Raises DependencyUnavailable before anything is learned."""
        began = self._clock()
        chosen = self._chosen([one for one in batch if one.event.ts >= self._since])
        users = {user: self._store.read(user) for user in {one.user for one in chosen}}
        examples = list(examples_of(chosen, users, self._catalogue, self._history_of))
        before = self._learner.guard.rollbacks
        learned = self._learner.learn(examples)
        if learned is not None:
            self._transitions.count(examples)
            self._publish(learned, self._transitions.counts)
            LEARNED_EXAMPLES.inc(len(examples))
            LEARNED_VERSION.set(learned.version)
            LEARNED_LIFT.set(self._learner.guard.lift)
            LEARNED_ROLLBACKS.inc(self._learner.guard.rollbacks - before)
            self._sleep(max(0.0, self._budget.interval - (self._clock() - began)))
        return ()

    def _chosen(self, batch: Sequence[Decoded]) -> Sequence[Decoded]:
        """At most `max_events` events, drawn evenly and kept in order; the others are counted as shed."""
        if len(batch) <= self._budget.max_events:
            return batch
        kept = np.zeros(len(batch), dtype=np.bool_)
        kept[self._rng.choice(len(batch), self._budget.max_events, replace=False)] = True
        shed = Counter(one.event.kind.value for one, keep in zip(batch, kept, strict=True) if not keep)
        for kind, count in shed.items():
            EVENTS_SHED.labels(LEARNER, kind).inc(count)
        return [one for one, keep in zip(batch, kept, strict=True) if keep]
