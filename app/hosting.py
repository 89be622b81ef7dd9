"""The recommender host of this process, assembled: releases from the registry, policies from their files, indexes for both."""

from __future__ import annotations

import logging

import numpy as np

from app import wiring
from app.ops.ownership import sole_publisher
from app.search import search_of
from core.errors import AlreadyRunning, DependencyUnavailable, MarqueeError
from core.features import UserFeatures
from core.ports import ModelRegistry, VectorIndex
from core.settings import Settings
from lake.items_feed import ItemsFeed
from recommender.experiment import Experiment
from recommender.host import RecommenderHost
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from recommender.release import Release, open_release

_log = logging.getLogger(__name__)


def host_of(settings: Settings) -> RecommenderHost:
    """Serves the experiment of the settings. Raises NotFound without a release, SchemaMismatch for one that does not fit."""
    experiment = Experiment.load(settings.experiment)
    registry, milvus = wiring.registry(settings), wiring.milvus(settings)
    return RecommenderHost(
        experiment,
        policies_of(settings, experiment),
        load=lambda name: _loaded(settings, registry, milvus, name),
        version_of=registry.version,
        items=ItemsFeed(wiring.lake(settings)).look,
        interval=settings.release_interval,
    )


def policies_of(settings: Settings, experiment: Experiment) -> dict[str, Policy]:
    """The policy of each arm. Raises NotFound, InvalidInput."""
    return {
        name: Policy.load(arm.policy or settings.pipeline).exploring(settings.exploration)
        for name, arm in experiment.arms.items()
    }


def _loaded(settings: Settings, registry: ModelRegistry, milvus: VectorIndex, name: str) -> LiveRelease:
    """A version or an alias of the registry, ready to be searched and warm."""
    release = open_release(registry.fetch(name))
    try:
        version = registry.version(name)
    except DependencyUnavailable:
        version = ""  # the registry is away and a cached bundle serves; the version shows when it is back
    search = search_of(settings, release, milvus)
    if search.index is not search.mirror:
        _published(settings, release, milvus)
    snapshot = Snapshot.of(release, search.index, search.degraded)
    _warm(snapshot)
    feeds = Feeds(wiring.published_stats(settings), wiring.learned_vectors(settings))
    return LiveRelease(version, snapshot, feeds, search.mirror)


def _published(settings: Settings, release: Release, milvus: VectorIndex) -> None:
    """See to it that the vector service has the release's collection; where it does not answer, the mirror goes on alone."""
    try:
        if not milvus.ready(release.name):
            with sole_publisher(settings.home):
                milvus.publish(release.name, release.catalogue.ids, release.item_vectors)
    except AlreadyRunning:
        _log.info("another process publishes release %s", release.name)
    except MarqueeError as error:
        _log.warning("the vector service does not have release %s: %s", release.name, error.detail)


def _warm(snapshot: Snapshot) -> None:
    """One encoding and one scoring, so that the first request after a swap does not pay for lazy initialisation."""
    some = snapshot.catalogue.ids[:1]
    user = UserFeatures(0, some, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.float32), np.zeros(1))
    snapshot.encoder.encode(user)
    if snapshot.release.ranker is not None:
        snapshot.ranker.score(np.zeros((1, len(snapshot.ranker.names)), dtype=np.float32))
