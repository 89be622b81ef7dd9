"""What the consumer counted is what the API calls popular, without a restart."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from app.releases import Release


def test_new_statistics_are_served_and_the_sources_keep_their_threads(release: Release, tmp_path: Path) -> None:
    from app.live_stats import LiveStatistics, rebuilder
    from core.experiment import Experiment
    from core.published_stats import PublishedStats, publish
    from feature_repo.adapters.memory import MemoryFeatures
    from retrieval.adapters.mirror import MirrorIndex
    from serving.feature_gate import FeatureGate
    from serving.service import RecommendService
    from streaming.adapters.memory import MemoryEventLog

    rebuild = rebuilder(release, MirrorIndex(), 0.0)
    before = rebuild(release.stats)
    service = RecommendService(before, FeatureGate(MemoryFeatures()), MemoryEventLog(), Experiment())
    path = tmp_path / "items.parquet"
    live = LiveStatistics(service, rebuild, PublishedStats(path), 0.01)
    try:
        path.write_bytes(b"no parquet")  # what the first looks may find changes nothing
        row = int(np.argmin(release.stats.recent))
        recent = release.stats.recent.copy()
        recent[row] = recent.max() + 1000
        publish(path, release.catalogue.ids, replace(release.stats, recent=recent))
        deadline = time.monotonic() + 60
        while service.release.stats.popular_rows(1).tolist() != [row]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        live.close()
        service.close()
    assert service.release.name == before.name
    assert [one.threads for one in service.release.pipeline.sources] == [one.threads for one in before.pipeline.sources]
