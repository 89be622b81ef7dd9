"""Which index answers in which mode, where nothing listens on Milvus's port."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from app import wiring
from app.search import VectorSearch, search_of
from core.errors import DependencyUnavailable
from core.settings import Settings
from recommender.release import Release
from retrieval.adapters.mirror import MirrorIndex
from retrieval.fallback import FallbackIndex
from retrieval.verified_mirror import VerifiedMirror

Mode = Literal["auto", "milvus", "mirror"]
SearchIn = Callable[..., VectorSearch]


@pytest.fixture
def search_in(tmp_path: Path, free_port: Callable[[], int], release: Release) -> SearchIn:
    def make(mode: Mode, mirror_max_items: int = 1000) -> VectorSearch:
        uri = f"http://127.0.0.1:{free_port()}"
        settings = Settings(
            home=tmp_path, vector_search=mode, mirror_max_items=mirror_max_items, milvus_uri=uri, milvus_timeout=0.3
        )
        return search_of(settings, release, wiring.milvus(settings))

    return make


def nearest(search: VectorSearch, release: Release) -> list[int]:
    """The three best for the first film's own vector."""
    return search.index.search(release.name, release.item_vectors[0], 3)[0].tolist()


def exact(release: Release) -> list[int]:
    scores = release.item_vectors @ release.item_vectors[0]
    return release.catalogue.ids[np.argsort(-scores, kind="stable")[:3]].tolist()


@pytest.mark.parametrize("mirror_max_items", [1000, 0])
def test_mirror_needs_no_milvus_whatever_the_size(search_in: SearchIn, release: Release, mirror_max_items: int) -> None:
    search = search_in("mirror", mirror_max_items)
    assert isinstance(search.index, MirrorIndex)
    assert nearest(search, release) == exact(release)
    assert search.index.ready(release.name)
    assert not search.degraded()


def test_auto_answers_from_the_mirror_and_reports_that_milvus_is_unavailable(search_in: SearchIn, release: Release) -> None:
    search = search_in("auto")
    assert isinstance(search.index, VerifiedMirror)
    assert nearest(search, release) == exact(release)
    assert not search.degraded()
    assert search.index.ready(release.name)
    assert search.degraded()
    assert nearest(search, release) == exact(release)


def test_milvus_falls_back_to_the_mirror(search_in: SearchIn, release: Release) -> None:
    search = search_in("milvus")
    assert isinstance(search.index, FallbackIndex)
    assert not search.degraded()
    assert nearest(search, release) == exact(release)
    assert search.degraded()


@pytest.mark.parametrize("mode", ["auto", "milvus"])
def test_a_catalogue_too_large_for_a_mirror_has_only_milvus(search_in: SearchIn, release: Release, mode: Mode) -> None:
    search = search_in(mode, mirror_max_items=len(release.catalogue) - 1)
    with pytest.raises(DependencyUnavailable, match="milvus"):
        nearest(search, release)
    assert not search.degraded()


def test_the_largest_catalogue_that_is_mirrored(search_in: SearchIn, release: Release) -> None:
    assert isinstance(search_in("auto", mirror_max_items=len(release.catalogue)).index, VerifiedMirror)


@pytest.mark.service("milvus")
def test_auto_recovers_once_milvus_has_the_release(tmp_path: Path, milvus_uri: str, release: Release) -> None:
    settings = Settings(home=tmp_path, vector_search="auto", milvus_uri=milvus_uri, milvus_timeout=30)
    search = search_of(settings, release, wiring.milvus(settings))
    assert search.index.ready(release.name)
    assert search.degraded(), "Milvus answers, but lacks the release"
    search.index.publish(release.name, release.catalogue.ids, release.item_vectors)
    assert search.index.ready(release.name)
    assert not search.degraded()
