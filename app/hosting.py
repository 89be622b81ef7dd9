"""The recommender host of this process, assembled: releases from the registry, policies from their files, indexes for both."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl

from app import wiring
from app.ops.ownership import sole_publisher
from app.search import search_of
from app.usecases import rolling_out
from core import columns as c
from core.errors import AlreadyRunning, DependencyUnavailable, MarqueeError, NotFound
from core.features import UserFeatures
from core.machine import available_memory
from core.ports import ModelRegistry, Monotonic, VectorIndex
from core.settings import Settings
from lake.items_feed import ItemsFeed
from lake.ports import Lake
from lake.tables import POLICIES, read_or_empty
from lifecycle.experiments import ExperimentRecord
from recommender import split
from recommender.experiment import Experiment
from recommender.host import Experimenting, RecommenderHost, Rollouts
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from recommender.release import Release, open_release

MEMORY_PER_BYTE = 2.0  # of a bundle's files, once it is loaded: 1.3 to 1.5 were measured
WARM_ITEMS = 200  # as many as a pipeline asks the index for
_log = logging.getLogger(__name__)


def host_of(settings: Settings) -> RecommenderHost:
    """Serves the experiment of the settings. Raises NotFound without a release, SchemaMismatch for one that does not fit."""
    experiment = Experiment.load(settings.experiment)
    policies = policies_of(settings, experiment)
    registry, milvus, lake = wiring.registry(settings), wiring.milvus(settings), wiring.lake(settings)
    remember(lake, policies.values(), time.time())
    return RecommenderHost(
        experiment,
        policies,
        load=lambda name: _loaded(settings, registry, milvus, name),
        version_of=VersionsNow(registry, settings.release_interval / 2).of,
        items=ItemsFeed(lake).look,
        interval=settings.release_interval,
        rollouts=Rollouts(registry.tags, first_share=rolling_out.config_of(settings).share(0)),
        experiments=Experimenting(
            ExperimentRecord(wiring.ledger(settings)).look,
            lambda name: policy_named(settings, name),
            lambda new: remember(lake, new, time.time()),
        ),
    )


class VersionsNow:
    """Which version each alias means, for a host that asks for five of them every other second.

    All are asked for at once, and an alias without a release costs nothing more: MLflow's own answer for one of them lists the
    versions that there are, and the questions of one look took 21 ms of the interpreter, during which no list was made, where one
    takes 3.
    """

    def __init__(self, registry: ModelRegistry, seconds: float, clock: Monotonic = time.monotonic) -> None:
        """What was answered holds for so many seconds."""
        self._registry = registry
        self._seconds = seconds
        self._clock = clock
        self._asked = float("-inf")
        self._known: Mapping[str, str] = {}

    def of(self, alias: str) -> str:
        """Raises NotFound, which says what to do for an alias that is needed, and DependencyUnavailable."""
        if self._clock() - self._asked >= self._seconds:
            self._known = self._registry.aliases()
            self._asked = self._clock()
        if alias in self._known:
            return self._known[alias]
        if alias in split.ARMS:
            raise NotFound(f"no release has the alias {alias!r}")
        return self._registry.version(alias)


def policies_of(settings: Settings, experiment: Experiment) -> dict[str, Policy]:
    """The policy of each arm. Raises NotFound, InvalidInput."""
    return {name: policy_named(settings, arm.policy or settings.pipeline) for name, arm in experiment.arms.items()}


def policy_named(settings: Settings, name: str) -> Policy:
    """The policy of a file, with the exploration rate of the settings. Raises NotFound, InvalidInput."""
    return Policy.load(name).exploring(settings.exploration)


def remember(lake: Lake, policies: Iterable[Policy], now: float) -> None:
    """Store the policies that the lake does not have yet, so that any past list can be explained by the id that it carries.

    A lake that cannot be written costs a warning: lists are made all the same.
    """
    try:
        known = set(read_or_empty(lake, POLICIES)[c.POLICY_ID])
        new = {policy.id: policy for policy in policies if policy.id not in known}
        if new:
            columns = {
                c.POLICY_ID: list(new),
                c.NAME: [one.name for one in new.values()],
                c.BODY: [one.body for one in new.values()],
            }
            lake.append(POLICIES, pl.DataFrame(columns).with_columns(pl.lit(now).alias(c.FIRST_SEEN)))
    except DependencyUnavailable as error:
        _log.warning("the policies of this process are not on record: %s", error.detail)


def _loaded(settings: Settings, registry: ModelRegistry, milvus: VectorIndex, name: str) -> LiveRelease:
    """A version or an alias of the registry, ready to be searched and warm."""
    folder = fetched(registry, name)
    require_memory(folder, available_memory())
    release = open_release(folder)
    try:
        version = registry.version(name)
    except (DependencyUnavailable, NotFound):
        version = ""  # the registry is unavailable or no longer has it: a cached bundle is served, which readiness reports
    search = search_of(settings, release, milvus)
    if search.index is not search.mirror:
        _published(settings, release, milvus)
    snapshot = Snapshot.of(release, search.index, search.degraded)
    _warm(snapshot)
    feeds = Feeds(
        wiring.published_stats(settings),
        wiring.learned_vectors(settings),
        wiring.later_transitions(settings),
        wiring.bandit_posterior(settings),
    )
    return LiveRelease(version, snapshot, feeds, search.mirror)


def fetched(registry: ModelRegistry, name: str) -> Path:
    """The bundle's folder; for a release that was deleted from the registry, the local copy with a warning. Raises NotFound."""
    try:
        return registry.fetch(name)
    except NotFound as error:
        copy = registry.recall(name)
        if copy is None:
            raise
        _log.warning("%s; the local copy is served until then", error.detail)
        return copy


class ReleaseTooLarge(MarqueeError):
    """A release needs more memory than there is: loading it could end the process, and with it what is served now."""

    status = 503
    slug = "release-too-large"
    title = "The release does not fit into memory"


def require_memory(folder: Path, free: int) -> None:
    """Check that a bundle fits into `free` bytes. Raises ReleaseTooLarge."""
    needed = int(MEMORY_PER_BYTE * sum(path.stat().st_size for path in folder.iterdir()))
    if needed > free:
        raise ReleaseTooLarge(
            f"release {folder.name} needs about {needed / 2**20:,.0f} MiB of memory, and {free / 2**20:,.0f} MiB are free; "
            "free some, or give the process more, and point the alias at it again",
            needed=needed,
            free=free,
        )


def _published(settings: Settings, release: Release, milvus: VectorIndex) -> None:
    """Ensure that the vector service has the release's collection; if it is unavailable, only the mirror is used."""
    try:
        if not milvus.ready(release.name):
            with sole_publisher(settings.home):
                milvus.publish(release.name, release.catalogue.ids, release.item_vectors)
    except AlreadyRunning:
        _log.info("another process publishes release %s", release.name)
    except MarqueeError as error:
        _log.warning("the vector service does not have release %s: %s", release.name, error.detail)


def _warm(snapshot: Snapshot) -> None:
    """Every computation of a list once, so that the first request after a start or a swap does not pay for lazy initialisation.

    It took half a second, by which time the towers' time-out was over and the list came without them.
    """
    some = snapshot.catalogue.ids[:1]
    user = UserFeatures(0, some, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.float32), np.zeros(1))
    vector = snapshot.encoder.encode(user)
    if vector is not None:
        snapshot.release.spread_of(vector)
        with suppress(DependencyUnavailable):
            snapshot.index.search(snapshot.name, vector, WARM_ITEMS)
    for table in (snapshot.transitions, snapshot.release.ease):
        if table is not None:
            table.scores(user, snapshot.catalogue)
    snapshot.popularity.best(np.ones(len(snapshot.catalogue), dtype=np.bool_), 1)
    if snapshot.release.ranker is not None:
        snapshot.ranker.score(np.zeros((1, len(snapshot.ranker.names)), dtype=np.float32))
    if snapshot.release.mlp is not None:
        snapshot.mlp.score(np.zeros((1, len(snapshot.mlp.names)), dtype=np.float32))
