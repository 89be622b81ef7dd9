"""What the consumer counted and learned is what the API serves, without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from prometheus_client import REGISTRY

from core.features import UserFeatures

if TYPE_CHECKING:
    from recommender.release import Release


def test_new_statistics_and_vectors_are_served_and_the_sources_keep_their_threads(release: Release, tmp_path: Path) -> None:
    from app.live_release import LiveRelease, Sources, rebuilder

    from feature_repo.adapters.memory import MemoryFeatures
    from lake.learned_vectors import LearnedVectors
    from lake.learned_vectors import publish as publish_vectors
    from lake.published_stats import publish
    from recommender.experiment import Experiment
    from retrieval.adapters.mirror import MirrorIndex
    from serving.lists.feature_gate import FeatureGate
    from serving.lists.service import RecommendService
    from streaming.adapters.memory import MemoryEventLog

    mirror = MirrorIndex()
    rebuild = rebuilder(release, mirror, 0.0)
    before = rebuild(release.stats, release.item_vectors)
    service = RecommendService(before, FeatureGate(MemoryFeatures()), MemoryEventLog(), Experiment())
    sources = Sources(tmp_path / "items.parquet", tmp_path / "vectors.parquet")
    live = LiveRelease(service, release, rebuild, mirror, sources, 0.01)
    try:
        sources.stats.write_bytes(b"no parquet")  # what the first looks may find changes nothing
        row = int(np.argmin(release.stats.recent))
        recent = release.stats.recent.copy()
        recent[row] = recent.max() + 1000
        publish(sources.stats, release.catalogue.ids, replace(release.stats, recent=recent))
        until(lambda: service.release.stats.popular_rows(1).tolist() == [row])
        moved = 10 * release.item_vectors[[row]]
        publish_vectors(sources.vectors, release.name, release.catalogue.ids[[row]], LearnedVectors(3, np.array([row]), moved))
        until(lambda: REGISTRY.get_sample_value("marquee_served_version") == 3)
    finally:
        live.close()
        service.close()
    now = service.release
    assert now.name == before.name
    assert now.stats.popular_rows(1).tolist() == [row]
    assert [one.threads for one in now.pipeline.sources] == [one.threads for one in before.pipeline.sources]
    ids, scores = mirror.search(release.name, moved[0], 1)
    assert ids.tolist() == [release.catalogue.ids[row]]
    assert scores[0] == pytest.approx(float(moved[0] @ moved[0]), rel=1e-5)
    user = UserFeatures(1, *(array[:1] for array in (release.catalogue.ids[[row]], np.array([0]), np.ones(1), np.ones(1))))
    encoders = [one.pipeline.sources[0].source._encoder.encode(user) for one in (before, now)]  # type: ignore[attr-defined]
    assert np.abs(encoders[0] - encoders[1]).max() > 1e-3


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
