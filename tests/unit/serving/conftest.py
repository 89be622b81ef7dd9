"""A small Marquee in memory: real pipeline parts on a synthetic catalogue, and switches that break each dependency."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
from core.pipeline import Pipeline, TimedSource
from fastapi import FastAPI
from ranking.filters import SeenFilter
from ranking.selectors import EpsilonSelector
from retrieval.sources import PopularSource, TwoTowerSource
from serving.api import Api
from serving.lists.release import ServedRelease

from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.errors import DependencyUnavailable
from core.features import UserFeatures
from feature_repo.adapters.memory import MemoryFeatures
from feature_repo.transforms import UserEvent, apply
from ranking.ranker import RetrievalScorer
from ranking.reasons import Reasons
from recommender.experiment import Experiment
from retrieval.adapters.mirror import MirrorIndex
from serving import probes
from serving.factory import create_app
from serving.health import Readiness
from serving.intake.ingestion import Ingestion
from serving.lists.feature_gate import FeatureGate
from serving.lists.service import RecommendService
from streaming.adapters.memory import MemoryEventLog

N_ITEMS = 300
GENRES = ("Comedy", "Crime", "Drama")
NOW = 1_790_000_000.0
WARM, COLD, STRANGE = 7, 999, 8  # a user with a history, one never seen, one whose history is unknown to the release


def make_catalogue(n: int = N_ITEMS) -> Catalogue:
    rng = np.random.default_rng(0)
    genres = (rng.random((n, len(GENRES))) < 0.4).astype(np.float32)
    titles = tuple(f"Film {row} <b>&" for row in range(n))
    return Catalogue(np.arange(1, n + 1, dtype=np.int64) * 10, titles, GENRES, genres, np.full(n, 1990, dtype=np.float32))


class MeanEncoder:
    """The mean of the history's item vectors: a user tower without learning."""

    def __init__(self, catalogue: Catalogue, vectors: np.ndarray) -> None:
        self._catalogue = catalogue
        self._vectors = vectors

    def encode(self, user: UserFeatures) -> np.ndarray | None:
        rows = self._catalogue.rows(user.item_ids)
        known = rows[rows >= 0]
        return self._vectors[known].mean(axis=0) if len(known) else None


def make_release(name: str = "r1", catalogue: Catalogue | None = None, exploration: float = 0.0) -> ServedRelease:
    catalogue = catalogue or make_catalogue()
    rng = np.random.default_rng(1)
    n = len(catalogue)
    vectors = rng.normal(size=(n, 8)).astype(np.float32)
    stats = ItemStats(NOW, *(rng.random(n).astype(np.float32) * 5 for _ in range(3)))
    index = MirrorIndex()
    index.publish(name, catalogue.ids, vectors)
    pipeline = Pipeline(
        name="test",
        sources=[
            TimedSource(TwoTowerSource(index, MeanEncoder(catalogue, vectors), catalogue, name, 200), 5.0),
            TimedSource(PopularSource(stats, catalogue, 200), 5.0),
        ],
        filters=[SeenFilter(catalogue)],
        hydrators=[],
        scorers=[RetrievalScorer()],
        selector=EpsilonSelector(exploration, 50),
    )
    manifest = Manifest(
        release=name,
        created="2026-11-20T22:15:30Z",
        code_version="abc",
        data_version={"interactions": 3},
        trained_until=NOW,
        feature_schema="0" * 12,
        dim=8,
        n_items=n,
        metrics={"ndcg@10": 0.1},
        config={},
        files={},
    )
    return ServedRelease(manifest, catalogue, stats, pipeline, Reasons(catalogue, stats, vectors).explain)


class Breakable:
    """Anything, until `broken` says how it fails."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.broken: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)

        def call(*args: Any) -> Any:
            if self.broken is not None:
                self.broken()
            return attribute(*args)

        return call


def refuse() -> None:
    raise DependencyUnavailable("double", "switched off by the test")


@dataclass
class World:
    """Everything behind the API, reachable for a test."""

    features: Breakable
    log: Breakable
    app: FastAPI
    service: RecommendService
    readiness: Readiness
    degraded: list[bool]
    erased: list[int] = field(default_factory=list)

    def read_log(self, topic: str) -> list[Any]:
        assert self.service.impressions.flush()
        return self.log.inner.subscribe(topic, "test").poll(10_000, 0.0)

    @property
    def catalogue(self) -> Catalogue:
        return self.service.release.catalogue

    def remember(self, user_id: int, item_ids: list[int], kind: str = "rating", value: float | None = 4.0) -> None:
        user = self.features.inner.read(user_id) or UserFeatures(user_id)
        for item_id in item_ids:
            user = apply(user, UserEvent(user_id, item_id, kind, value, NOW), ["Drama"])
        self.features.inner.write([user])

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


def build_world(
    release: ServedRelease | None = None, admin_key: str | None = "secret", max_body: int = 200_000, max_batch: int = 1000
) -> World:
    features, log, degraded = Breakable(MemoryFeatures()), Breakable(MemoryEventLog()), [False]
    clock = time.time
    gate = FeatureGate(features, timeout=2.0, retry_after=0.0)
    release = release or make_release()
    service = RecommendService(release, gate, log, Experiment(), lambda: degraded[0], clock)
    readiness = Readiness(
        [probes.event_log(log), probes.feature_store(features), probes.release(lambda: service.release)], timeout=5.0
    )
    erased: list[int] = []
    api = Api(
        service=service,
        ingestion=Ingestion(log, lambda: service.release.catalogue, max_batch=max_batch, clock=clock),
        readiness=readiness,
        code_version="deadbeef",
        example_users=[WARM, STRANGE],
        erase=lambda user_id: erased.append(user_id) or 12,
        admin_key=admin_key,
    )
    world = World(features, log, create_app(api, max_body), service, readiness, degraded, erased)
    world.remember(WARM, [10, 20, 30, 40, 50])
    world.remember(STRANGE, [5, 15])
    return world


@pytest.fixture
def world() -> Iterator[World]:
    world = build_world()
    yield world
    world.log.broken = None
    world.service.close()
    world.app.state.api.ingestion.close()
    world.readiness.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# What test modules need of this one comes as fixtures: with importlib's import mode they cannot import it by name.
@pytest.fixture(scope="session", name="build_world")
def _build_world() -> Callable[..., World]:
    return build_world


@pytest.fixture(scope="session", name="make_release")
def _make_release() -> Callable[..., ServedRelease]:
    return make_release


@pytest.fixture(scope="session", name="refuse")
def _refuse() -> Callable[[], None]:
    return refuse
