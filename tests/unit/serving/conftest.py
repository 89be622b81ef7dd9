"""A small Marquee in memory: real pipeline parts on a synthetic catalogue, and switches that break each dependency."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from small_access import access_in
from synthetic import make_policy, make_snapshot

from app.usecases.experimenting import ExperimentOperations
from app.usecases.onboarding import remember
from core.catalogue import Catalogue
from core.errors import DependencyUnavailable, NotFound
from core.events import IMPRESSIONS, Impression, ShownPage
from core.features import UserFeatures
from core.item_facts import ItemFacts
from feature_repo.adapters.memory import MemoryFeatures
from feature_repo.transforms import UserEvent, apply
from lake.adapters.memory import MemoryLake
from lake.item_changes import change
from lake.tables import ITEMS
from lifecycle.experiments import ExperimentRecord
from lifecycle.ledger import PromotionLedger
from recommender.experiment import Experiment
from recommender.host import RecommenderHost
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from serving import examples, operate_examples, probes
from serving.access.control import AccessControl
from serving.factory import create_app
from serving.films.service import FilmService
from serving.health import Readiness
from serving.intake.ingestion import Ingestion
from serving.lists.feature_gate import FeatureGate
from serving.lists.list_cache import ListCache
from serving.lists.service import RecommendService
from serving.operating import Operating, ReleaseControl
from serving.routes.api import Api
from streaming.adapters.memory import MemoryEventLog

NOW = 1_790_000_000.0
WARM, COLD, STRANGE = 7, 999, 8  # a user with a history, one never seen, one whose history is unknown to the release


def make_host(
    *snapshots: Snapshot,
    exploration: float = 0.0,
    look: Callable[[], ItemFacts | None] = lambda: None,
    policy: Policy | None = None,
    **arms: Any,
) -> RecommenderHost:
    """Serves these releases (r1 by default) as arms a, b, ...; all users get the first one unless `arms` says otherwise."""
    known = snapshots or (make_snapshot(),)
    arms = arms or {"control": {"share": 1.0, "release": "r1"}}
    experiment = Experiment.of({"arms": arms}, "test.toml")
    releases = {now.name: LiveRelease("1", now, Feeds(Path("none"), Path("none"), Path("none"))) for now in known}
    policies = {arm: policy or make_policy(exploration) for arm in arms}
    return RecommenderHost(experiment, policies, releases.__getitem__, lambda _: "1", look)


class KnownReleases:
    """Answers as the examples say; the real one is tested in `tests/unit/app/test_operating.py`."""

    def listed(self, moves: int) -> dict[str, Any]:
        return {name: operate_examples.RELEASES[name] for name in ("releases", "moves")}

    def promote(self, version: str, *, actor: str, why: str, dry_run: bool) -> dict[str, Any]:
        if version not in ("1", "2"):
            raise NotFound(f"there is no release {version!r}")
        return operate_examples.PROMOTED | {"dry_run": dry_run}

    def rollback(self, *, actor: str, why: str, dry_run: bool) -> dict[str, Any]:
        return operate_examples.ROLLED_BACK | {"dry_run": dry_run}


def make_operating(releases: ReleaseControl | None = None) -> Operating:
    return Operating(
        domain=operate_examples.DOMAIN,
        releases=releases or KnownReleases(),
        acceptance=lambda days: operate_examples.ACCEPTANCE["days"],
        status=lambda release, version: operate_examples.STATUS,
    )


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
class ApiSetup:
    """Everything behind the API, reachable for a test."""

    features: Breakable
    log: Breakable
    app: FastAPI
    service: RecommendService
    readiness: Readiness
    degraded: list[bool]
    erased: list[int | str] = field(default_factory=list)

    def read_log(self, topic: str) -> list[Any]:
        assert self.service.impressions.flush()
        return self.log.inner.subscribe(topic, "test").poll(10_000, 0.0)

    def shown(self) -> list[Impression]:
        """Every impression in the log."""
        pages = [ShownPage.model_validate_json(record.value) for record in self.read_log(IMPRESSIONS)]
        return [one for page in pages for one in page.impressions()]

    @property
    def catalogue(self) -> Catalogue:
        return self.service.host.main.snapshot.catalogue

    def break_source(self, name: str, fetch: Callable[..., Any]) -> None:
        """Let a source of every arm do this instead."""
        for arm in self.service.host.experiment.arms:
            for timed in self.service.host.of(arm)._pipeline.sources:
                if timed.source.name == name:
                    timed.source.fetch = fetch  # type: ignore[method-assign]

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
    host: RecommenderHost | None = None,
    admin_key: str | None = "secret",
    max_body: int = 200_000,
    max_batch: int = 1000,
    lake: Any = None,
    retraining: Any = None,
    provenance: Any = None,
    experiments: Path = Path("no such folder"),
    access: AccessControl | None = None,
    cache: ListCache | None = None,
    operating: Operating | None = None,
    gorse: Any = None,
) -> ApiSetup:
    lake = lake or Breakable(MemoryLake({ITEMS: make_snapshot().catalogue.to_frame()}))
    features, log, degraded = Breakable(MemoryFeatures()), Breakable(MemoryEventLog()), [False]
    clock = time.time
    gate = FeatureGate(features, timeout=2.0, retry_after=0.0)
    host = host or make_host(replace(make_snapshot(), search_degraded=lambda: degraded[0]))
    service = RecommendService(host, gate, log, clock, patience=60.0, cache=cache)
    readiness = Readiness([probes.event_log(log), probes.feature_store(features), probes.release(host)], timeout=5.0)
    erased: list[int | str] = []
    api = Api(
        service=service,
        films=FilmService(service, clock),
        ingestion=Ingestion(log, lambda: host.facts, max_batch=max_batch, clock=clock),
        readiness=readiness,
        code_version="deadbeef",
        example_users=[WARM, STRANGE],
        erase=lambda user: erased.append(user) or examples.ERASED | {"user_id": user},
        change_item=lambda item, values: change(lake, [item], values),
        onboard=lambda user, answers: remember(features, lake, user, answers),
        retraining=retraining,
        access=access or access_in(Path(mkdtemp(prefix="marquee-access-")), admin_key),
        experiments=ExperimentOperations(ExperimentRecord(PromotionLedger(lake, experiments / "ledger")), experiments),
        decisions=lambda limit: [
            {"at": float(at), "verdict": "ok", "reasons": [], "action": "none", "next_at": at + 60.0, "release": None}
            for at in range(3)
        ][-limit:],
        provenance=provenance or (lambda request_id: {}),
        operating=operating or make_operating(),
        gorse=gorse,
    )
    world = ApiSetup(features, log, create_app(api, max_body), service, readiness, degraded, erased)
    world.remember(WARM, [10, 20, 30, 40, 50])
    world.remember(STRANGE, [5, 15])
    return world


@pytest.fixture
def world() -> Iterator[ApiSetup]:
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
def _build_world() -> Callable[..., ApiSetup]:
    return build_world


@pytest.fixture(scope="session", name="make_host")
def _make_host() -> Callable[..., RecommenderHost]:
    return make_host


@pytest.fixture(scope="session", name="refuse")
def _refuse() -> Callable[[], None]:
    return refuse
