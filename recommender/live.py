"""A release as it stands now: its frozen parts, and what has changed since it was built.

Statistics, learned vectors and item facts move while a release is served. `LiveRelease` holds the latest of each; a
`Snapshot` is one consistent set of them, and requests under way keep the one that they began with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue, ItemStats
from core.errors import BundleCorrupt
from core.item_facts import ItemFacts
from core.ports import Clock, VectorIndex
from lake.later_transitions import PublishedTransitions
from lake.learned_vectors import PublishedVectors
from lake.published_stats import PublishedStats
from ranking.linear_bandit import Posterior
from ranking.mlp import MlpRanker
from ranking.published_posterior import PublishedPosterior
from ranking.ranker import Ranker
from recommender.popularity import PopularityOrder
from recommender.release import Release
from retrieval.encoder import UserEncoder
from retrieval.transitions import GrownTransitions, Transitions


def _never() -> bool:
    return False


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the parts of a pipeline are built from."""

    release: Release
    stats: ItemStats
    item_vectors: NDArray[np.float32]  # [n, d], row-aligned with the release's catalogue
    encoder: UserEncoder  # reads item_vectors
    facts: ItemFacts
    index: VectorIndex  # holds item_vectors under the release's name
    transitions: Transitions | None = None  # the release's, with those that people made since
    learned_version: int = 0  # of the learned vectors; 0: the release's own
    posterior: Posterior = field(default_factory=Posterior.prior)  # what the bandit has learned
    search_degraded: Callable[[], bool] = _never  # whether the in-process mirror answers in the vector service's place

    @classmethod
    def of(cls, release: Release, index: VectorIndex, search_degraded: Callable[[], bool] = _never) -> Snapshot:
        """The release as it was built."""
        facts = ItemFacts.of(release.catalogue)
        vectors, transitions = release.item_vectors, release.transitions
        return cls(release, release.stats, vectors, release.encoder, facts, index, transitions, search_degraded=search_degraded)

    @property
    def name(self) -> str:
        return self.release.name

    @property
    def catalogue(self) -> Catalogue:
        return self.release.catalogue

    @property
    def ranker(self) -> Ranker:
        """Raises BundleCorrupt for a release without one."""
        if self.release.ranker is None:
            raise BundleCorrupt(f"release {self.name} has no ranker; a policy that orders by it cannot serve it")
        return self.release.ranker

    @property
    def mlp(self) -> MlpRanker:
        """Raises BundleCorrupt for a release without one."""
        if self.release.mlp is None:
            raise BundleCorrupt(
                f"release {self.name} has no MLP ranker; build one with MARQUEE_MLP_RANKER=true, or order by another scorer"
            )
        return self.release.mlp

    @cached_property
    def popularity(self) -> PopularityOrder:
        """Sorted once, for the source, for the fill-up and for every recommender on this snapshot."""
        return PopularityOrder(self.stats)

    def title(self, row: int) -> str:
        """What the item of a catalogue row is called now."""
        at = self.facts.row(int(self.catalogue.ids[row]))
        return self.facts.title(at) if at >= 0 else self.catalogue.titles[row]

    def events_of(self, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """How many events there are of each item [m], by its key; 0 for one that the release does not have."""
        rows = self.catalogue.rows(keys)
        return np.where(rows >= 0, self.stats.n_events[rows], np.float32(0.0))

    def with_stats(self, stats: ItemStats) -> Snapshot:
        return replace(self, stats=stats)

    def with_facts(self, facts: ItemFacts) -> Snapshot:
        return replace(self, facts=facts)

    def with_later(self, counts: csr_matrix) -> Snapshot:
        """With the transitions since the release [n, n]; all of them, not those since the last time."""
        built = self.release.transitions
        return self if built is None else replace(self, transitions=GrownTransitions(built, counts))

    def with_posterior(self, posterior: Posterior) -> Snapshot:
        return replace(self, posterior=posterior)

    def with_vectors(self, vectors: NDArray[np.float32], version: int = 0) -> Snapshot:
        """With other item vectors [n, d], of this version; the index is the caller's to bring up to date."""
        return replace(self, item_vectors=vectors, encoder=self.release.encoder.moved(vectors), learned_version=version)


@dataclass(frozen=True)
class Feeds:
    """The files through which the consumer tells what it counted and what it learned."""

    stats: Path
    vectors: Path
    transitions: Path
    posterior: Path | None = None


class LiveRelease:
    """One release while it is served: takes over what the consumer counted and learned. Not thread-safe: one follower looks."""

    def __init__(
        self, version: str, snapshot: Snapshot, feeds: Feeds, mirror: VectorIndex | None = None, clock: Clock = time.time
    ) -> None:
        """`version` of the registry. `mirror`: the index in this process, which nobody else keeps up to date."""
        self.version = version
        self.snapshot = snapshot
        self.learned_version, self.learned_at = 0, 0.0  # Unix seconds of the last take-over; 0: the release's own vectors
        self._clock = clock
        self._stats = PublishedStats(feeds.stats)
        self._vectors = PublishedVectors(feeds.vectors)
        self._transitions = PublishedTransitions(feeds.transitions)
        self._posterior = None if feeds.posterior is None else PublishedPosterior(feeds.posterior)
        self._mirror = mirror

    def look_at_stats(self) -> bool:
        """Take over what was counted; whether it was new. Raises DependencyUnavailable, and then nothing has changed."""
        stats = self._stats.look(self.snapshot.catalogue)
        if stats is None:
            return False
        self.snapshot = self.snapshot.with_stats(stats)
        return True

    def look_at_vectors(self) -> bool:
        """Take over what was learned; whether it was new. Raises DependencyUnavailable, and then nothing has changed."""
        now = self.snapshot
        learned = self._vectors.look(now.name, now.catalogue, now.release.item_vectors.shape[1])
        if learned is None:
            return False
        # a version has every row that ever moved, so it stands on the release and not on the version before
        vectors = learned.over(now.release.item_vectors)
        if self._mirror is not None:
            self._mirror.publish(now.name, now.catalogue.ids, vectors)
        self.snapshot = now.with_vectors(vectors, learned.version)
        self.learned_version, self.learned_at = learned.version, self._clock()
        return True

    def look_at_transitions(self) -> bool:
        """Take over what followed what; whether it was new. Raises DependencyUnavailable, and then nothing has changed."""
        counts = self._transitions.look(self.snapshot.name, self.snapshot.catalogue)
        if counts is None:
            return False
        self.snapshot = self.snapshot.with_later(counts)
        return True

    def look_at_posterior(self) -> bool:
        """Take over what the bandit learned; whether it was new. Raises DependencyUnavailable, and then nothing has changed."""
        posterior = None if self._posterior is None else self._posterior.look()
        if posterior is None:
            return False
        self.snapshot = self.snapshot.with_posterior(posterior)
        return True

    def know(self, facts: ItemFacts) -> None:
        """Go by what is known of items now."""
        self.snapshot = self.snapshot.with_facts(facts)
