"""What is popular now, in the API: the consumer counts and publishes, this takes it over into the release that is served."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from app.pipelines import assemble
from app.releases import Release
from core.catalogue import ItemStats
from core.errors import DependencyUnavailable
from core.ports import VectorIndex
from core.published_stats import PublishedStats
from ranking.reasons import Reasons
from serving.release import ServedRelease
from serving.service import RecommendService

_log = logging.getLogger(__name__)
Rebuild = Callable[[ItemStats], ServedRelease]


def rebuilder(release: Release, index: VectorIndex, exploration: float) -> Rebuild:
    """Makes the release as it is served with other statistics. The sources keep their threads from one to the next."""
    first = assemble(release.pipeline, release, index, exploration)

    def rebuild(stats: ItemStats) -> ServedRelease:
        pipeline = assemble(release.pipeline, replace(release, stats=stats), index, exploration)
        sources = [replace(new, threads=old.threads) for new, old in zip(pipeline.sources, first.sources, strict=True)]
        explain = Reasons(release.catalogue, stats, release.item_vectors).explain
        return ServedRelease(release.manifest, release.catalogue, stats, replace(pipeline, sources=sources), explain)

    return rebuild


class LiveStatistics:
    """Looks for new statistics every `interval` seconds, and serves with them from then on."""

    def __init__(self, service: RecommendService, rebuild: Rebuild, published: PublishedStats, interval: float) -> None:
        self._service = service
        self._rebuild = rebuild
        self._published = published
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-statistics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                stats = self._published.look(self._service.release.catalogue)
                if stats is not None:
                    self._service.serve(self._rebuild(stats))
            except DependencyUnavailable as error:
                _log.warning("the last statistics are served: %s", error.detail)
            self._stop.wait(self._interval)
