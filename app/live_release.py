"""The release as it is served now: what the consumer counts and learns is taken over without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.pipelines import assemble
from app.releases import Release
from core.catalogue import ItemStats
from core.errors import DependencyUnavailable
from core.ports import VectorIndex
from core.telemetry import SERVED_VERSION
from lake.learned_vectors import LearnedVectors, PublishedVectors
from lake.published_stats import PublishedStats
from ranking.reasons import Reasons
from serving.lists.release import ServedRelease
from serving.lists.service import RecommendService

_log = logging.getLogger(__name__)
Rebuild = Callable[[ItemStats, NDArray[np.float32]], ServedRelease]  # of statistics and item vectors [n, d]


def rebuilder(release: Release, index: VectorIndex, exploration: float) -> Rebuild:
    """Makes the release as it is served, the bundle's own or moved on. The sources keep their threads from one to the next."""
    first = assemble(release.pipeline, release, index, exploration)

    def rebuild(stats: ItemStats, vectors: NDArray[np.float32]) -> ServedRelease:
        now = replace(release, stats=stats, item_vectors=vectors, encoder=release.encoder.moved(vectors))
        pipeline = assemble(now.pipeline, now, index, exploration)
        sources = [replace(new, threads=old.threads) for new, old in zip(pipeline.sources, first.sources, strict=True)]
        explain = Reasons(now.catalogue, stats, vectors).explain
        return ServedRelease(now.manifest, now.catalogue, stats, replace(pipeline, sources=sources), explain)

    return rebuild


@dataclass(frozen=True)
class Sources:
    """The files through which the consumer tells what it counted and learned."""

    stats: Path
    vectors: Path


class LiveRelease:
    """Looks for what is new every `interval` seconds, and serves with it from then on."""

    def __init__(
        self,
        service: RecommendService,
        release: Release,
        rebuild: Rebuild,
        mirror: VectorIndex | None,
        sources: Sources,
        interval: float,
    ) -> None:
        """`mirror`: the index in this process, which nobody else keeps up to date; the consumer moves what Milvus has."""
        self._service = service
        self._release = release
        self._rebuild = rebuild
        self._mirror = mirror
        self._published_stats = PublishedStats(sources.stats)
        self._published_vectors = PublishedVectors(sources.vectors)
        self._stats = release.stats
        self._vectors = release.item_vectors
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-release", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except DependencyUnavailable as error:
                _log.warning("the last good ones are served: %s", error.detail)
            self._stop.wait(self._interval)

    def _look(self) -> None:
        catalogue = self._release.catalogue
        stats = self._published_stats.look(catalogue)
        learned = self._published_vectors.look(self._release.name, catalogue, self._release.item_vectors.shape[1])
        if stats is None and learned is None:
            return
        if stats is not None:
            self._stats = stats
        if learned is not None:
            self._take_over(learned)
        self._service.serve(self._rebuild(self._stats, self._vectors))
        if learned is not None:
            SERVED_VERSION.set(learned.version)

    def _take_over(self, learned: LearnedVectors) -> None:
        """A version has every row that ever moved, so it stands on the release and not on the version before."""
        self._vectors = learned.over(self._release.item_vectors)
        if self._mirror is not None:
            self._mirror.publish(self._release.name, self._release.catalogue.ids, self._vectors)
