"""A world with two releases, and a host of this process on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from host_setup import YES, HostSetup

from lake.adapters.memory import MemoryLake
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.ledger import PromotionLedger
from lifecycle.promotion import promote
from recommender.host import RecommenderHost
from recommender.release import Release


@pytest.fixture
def world(tmp_path: Path, release: Release) -> HostSetup:
    """With versions 1 and 2, releases r1 and r2; r1 is production."""
    world = HostSetup(
        tmp_path, release.folder, FolderRegistry(tmp_path / "registry"), PromotionLedger(MemoryLake(), tmp_path / "ledger")
    )
    (tmp_path / "registry").mkdir()
    promote(world.registry, world.ledger, world.register("r1"), YES, actor="test")
    world.register("r2")
    return world


@pytest.fixture
def host(world: HostSetup) -> Iterator[RecommenderHost]:
    host = world.host()
    yield host
    host.close()
