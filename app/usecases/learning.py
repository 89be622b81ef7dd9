"""Online learning, assembled: one consumer at a time learns on top of the production release."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

from app import wiring
from app.ops.ownership import sole_learner
from core.background import Background
from core.errors import AlreadyRunning, DependencyUnavailable, MarqueeError, NotFound, SchemaMismatch
from core.ports import EventLog, FeatureReader
from core.settings import Settings
from lake.later_transitions import PublishedTransitions
from lake.learned_vectors import PublishedVectors
from retrieval.transitions import TransitionModelConfig
from streaming.consumer import Loop
from streaming.decoding import Contract
from streaming.learning.learned_publisher import LearnedPublisher
from streaming.learning.learner import OnlineLearner
from streaming.learning.learning_effect import LEARNER, LearningBudget, LearningEffect
from streaming.learning.transition_counter import TransitionCounter
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig
from streaming.loops.overload import Shedding

if TYPE_CHECKING:
    from recommender.release import Release

_WAIT = 5.0  # seconds until the next try
_LOOK = 0.2  # seconds until a request to stop is seen
PRODUCTION = "production"
_log = logging.getLogger(__name__)


class LearningLoop:
    """Waits for its turn and for a production release, then learns until it is told to stop, release by release."""

    def __init__(self, settings: Settings, version: Callable[[], str], build: Callable[[], Loop]) -> None:
        """`version` is that of production now; `build` makes the loop that learns on top of it."""
        self._settings = settings
        self._version = version
        self._build = build

    def run(self, stop: Event) -> None:
        """Until `stop` is set. A second consumer waits here until the one that learns is gone."""
        last_error = ""
        while not stop.is_set():
            try:
                with sole_learner(self._settings.home):
                    self._learn(stop)
            except (AlreadyRunning, NotFound, SchemaMismatch, DependencyUnavailable) as error:
                last_error = _log_once(error, last_error)
                stop.wait(_WAIT)

    def _learn(self, stop: Event) -> None:
        """Until `stop` is set or another release is production; the current batch is finished first."""
        version = self._version()
        over = Event()
        watcher = Background("learning-release", lambda: self._watch(version, stop, over))
        watcher.start()
        try:
            self._build().run(over)
        finally:
            over.set()
            watcher.stop()

    def _watch(self, version: str, stop: Event, over: Event) -> None:
        asked = time.monotonic()
        while not over.wait(_LOOK):
            if stop.is_set():
                over.set()
            if time.monotonic() - asked < self._settings.release_interval:
                continue
            asked = time.monotonic()
            with suppress(DependencyUnavailable, NotFound):  # a registry that is away promotes nothing
                if self._version() != version:
                    _log.info("another release is production: learning begins on it")
                    over.set()


def learning_loop(settings: Settings, log: EventLog, features: FeatureReader, contract: Contract, config: LoopConfig) -> Loop:
    """The loop of the learner's consumer group."""
    registry = wiring.registry(settings)

    def build() -> Loop:
        from recommender.release import open_release  # LightGBM comes with it: here it delays nobody's features

        release = open_release(registry.fetch(PRODUCTION))
        allowed = settings.mirror_max_items
        if len(release.catalogue) > allowed:
            raise NotFound(f"no online learning: {len(release.catalogue)} items, MARQUEE_MIRROR_MAX_ITEMS is {allowed}")
        effect = _effect(settings, release, features)
        return InteractionLoop(log, effect, contract, config, shedding=Shedding(LEARNER))

    return LearningLoop(settings, lambda: registry.version(PRODUCTION), build)


def _effect(settings: Settings, release: Release, features: FeatureReader) -> LearningEffect:
    """Resumes from what was learned on the same release before, and brings the vector service up to date."""
    catalogue, vectors = release.catalogue, release.item_vectors
    path, followed = wiring.learned_vectors(settings), wiring.later_transitions(settings)
    learner = OnlineLearner(release.encoder.encode_histories, vectors, release.stats.n_events)
    counter = TransitionCounter(len(catalogue), TransitionModelConfig().window)
    counts = PublishedTransitions(followed).look(release.name, catalogue)
    if counts is not None:
        counter.resume(counts)
    publish = LearnedPublisher(path, followed, wiring.milvus(settings), release.name, catalogue.ids, vectors)
    learned = PublishedVectors(path).look(release.name, catalogue, vectors.shape[1])
    if learned is not None:
        learner.resume(learned)
        publish(learned, counter.counts)
    budget, since = LearningBudget(settings.learn_interval), release.manifest.trained_until
    return LearningEffect(features, learner, counter, publish, catalogue, release.encoder.history, since, budget)


def _log_once(error: MarqueeError, last_error: str) -> str:
    if error.detail != last_error:
        _log.info("nothing is learned online for now: %s", error.detail)
    return error.detail
