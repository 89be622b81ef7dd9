"""The host as a process builds it: releases of the registry, policies of the files, the exploration rate of the settings."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest
from synthetic import make_query, user_of
from tiny_release import copied

from app import hosting, wiring
from app.hosting import host_of, policies_of
from app.usecases import steps
from core.errors import NotFound
from core.settings import Settings
from lake.tables import ITEMS
from lifecycle.adapters.memory import FolderRegistry
from recommender.experiment import Experiment
from recommender.parts.selectors import EpsilonConfig
from recommender.release import Release
from serving import probes
from serving.health import Status


@pytest.fixture
def settings(tmp_path: Path, free_port: Callable[[], int]) -> Settings:
    """Nothing listens where Milvus would be."""
    uri = f"http://127.0.0.1:{free_port()}"
    return Settings(home=tmp_path, milvus_uri=uri, milvus_timeout=0.3, release_interval=1e-6, exploration=0.0)


def test_each_arm_has_its_policy_with_the_exploration_rate_of_the_settings(settings: Settings) -> None:
    arms = {"a": {"share": 0.5}, "b": {"share": 0.5, "policy": "default"}}
    policies = policies_of(settings.model_copy(update={"exploration": 0.25}), Experiment.of({"arms": arms}, "test.toml"))
    assert policies.keys() == {"a", "b"}
    assert policies["a"] == policies["b"]
    assert policies["a"].selector == EpsilonConfig(epsilon=0.25, pool=50)


def test_a_policy_that_does_not_exist_is_named(settings: Settings) -> None:
    with pytest.raises(NotFound, match=r"'nothing'.*default"):
        policies_of(settings, Experiment.of({"arms": {"a": {"share": 1.0, "policy": "nothing"}}}, "test.toml"))


def test_without_a_release_there_is_no_host(settings: Settings) -> None:
    with pytest.raises(NotFound):
        host_of(settings)


def test_a_promotion_and_a_corrected_item_are_in_the_next_list(settings: Settings, release: Release, tmp_path: Path) -> None:
    """On MLflow, a Delta lake, and a Milvus that is away: its mirror answers, and both releases have one of their own."""
    registry, lake = wiring.registry(settings), wiring.lake(settings)
    first, second = (registry.register(copied(release.folder, tmp_path / name, name)) for name in ("r1", "r2"))
    registry.point("production", first)
    items = release.catalogue.to_frame()
    lake.replace(ITEMS, items)
    host = host_of(settings)
    try:
        query = make_query(10, user_of(10, 200, 330))
        before = asyncio.run(host.main.recommend(query))
        assert (before.snapshot.name, before.strategy) == ("r1", "two_tower")
        best = int(release.catalogue.ids[before.selection.rows[0]])
        hidden = items.with_columns(hidden=pl.col("item_id") == best, title=pl.col("title") + " (new)")
        lake.replace(ITEMS, hidden)
        registry.point("production", second)
        host.look()
        after = asyncio.run(host.main.recommend(query))
        assert after.snapshot.name == "r2"
        assert after.selection.rows[:9].tolist() == before.selection.rows[1:].tolist()
        assert host.facts.title(0) == "Film 10 (new)"
        assert not host.facts.shown[host.facts.row(best)]
    finally:
        host.close()


@pytest.fixture
def deleted(settings: Settings, release: Release, tmp_path: Path) -> Settings:
    """A home whose production release, version 1, was fetched once and then deleted in MLflow; version 2 is left."""
    from mlflow import MlflowClient

    registry = wiring.registry(settings)
    first, _ = (registry.register(copied(release.folder, tmp_path / name, name)) for name in ("r1", "r2"))
    registry.point("production", first)
    registry.fetch("production")
    wiring.lake(settings).replace(ITEMS, release.catalogue.to_frame())
    MlflowClient(settings.tracking_uri, settings.tracking_uri).delete_model_version(settings.registered_model, first)
    return settings


def test_a_deleted_release_is_served_from_its_copy_and_readiness_names_it(deleted: Settings) -> None:
    steps.require_release(deleted)
    host = host_of(deleted)
    try:
        host.look()
        finding = probes.release(host).probe()
        assert finding.status is Status.DEGRADED
        for part in ("r1 goes on from its local copy", "no release 'production' any more", "it was 1", "release promote VERSION"):
            assert part in finding.detail
        wiring.registry(deleted).point("production", "2")
        host.look()
        assert host.main.snapshot.name == "r2"
        assert probes.release(host).probe().status is Status.UP
    finally:
        host.close()


def test_without_a_copy_the_versions_that_are_left_are_named_and_not_the_demo(deleted: Settings) -> None:
    shutil.rmtree(deleted.folder("releases"))
    with pytest.raises(NotFound, match=r"one of its versions \(2\) with `marquee release promote VERSION`") as caught:
        steps.require_release(deleted)
    assert "demo" not in caught.value.detail


def test_a_lake_with_other_data_is_not_sent_to_the_demo(settings: Settings, release: Release) -> None:
    wiring.lake(settings).replace(ITEMS, release.catalogue.to_frame())
    with pytest.raises(NotFound, match=r"make one with `marquee init`, of what the lake holds: .* 60 items"):
        steps.require_release(settings)


def test_a_release_that_does_not_fit_into_memory_is_refused_and_the_one_before_goes_on(
    settings: Settings, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = wiring.registry(settings)
    first, second = (registry.register(copied(release.folder, tmp_path / name, name)) for name in ("r1", "r2"))
    registry.point("production", first)
    wiring.lake(settings).replace(ITEMS, release.catalogue.to_frame())
    host = host_of(settings)
    try:
        monkeypatch.setattr(hosting, "available_memory", lambda: 1_000)
        registry.point("production", second)
        registry.point("canary", second)
        host.look()
        assert host.main.snapshot.name == "r1"
        assert set(host.refused) == {"production", "canary"}
        for part in ("needs about", "MiB of memory, and 0 MiB are free"):
            assert part in host.refused["production"][1]
        assert probes.release(host).probe().status is Status.DEGRADED
        monkeypatch.undo()
        registry.point("production", first)
        host.look()
        registry.point("production", second)
        host.look()
        assert host.main.snapshot.name == "r2"
    finally:
        host.close()


def test_a_process_without_memory_for_its_release_says_so_and_does_not_start(
    settings: Settings, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = wiring.registry(settings)
    registry.point("production", registry.register(copied(release.folder, tmp_path / "r1", "r1")))
    monkeypatch.setattr(hosting, "available_memory", lambda: 1_000)
    with pytest.raises(hosting.ReleaseTooLarge, match="MiB of memory"):
        host_of(settings)


class Counting(FolderRegistry):
    """Counts how often it is asked for all aliases."""

    asked = 0

    def aliases(self) -> Mapping[str, str]:
        self.asked += 1
        return super().aliases()


def test_the_aliases_of_one_look_are_one_question(tmp_path: Path) -> None:
    registry, now = Counting(tmp_path), [0.0]
    versions = hosting.VersionsNow(registry, 1.0, lambda: now[0])
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    registry.point("production", "1")
    assert versions.of("production") == "1"
    for alias in ("staging", "canary", "previous"):
        with pytest.raises(NotFound, match=alias):
            versions.of(alias)
    assert registry.asked == 1
    registry.point("production", "2")
    registry.point("canary", "1")
    now[0] = 1.0
    assert (versions.of("production"), versions.of("canary"), versions.of("2")) == ("2", "1", "2")
    assert registry.asked == 2
    with pytest.raises(NotFound, match="build one"):
        versions.of("challenger")
