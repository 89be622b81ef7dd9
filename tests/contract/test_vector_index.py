"""The contract of `VectorIndex`, on the in-process mirror and on a real Milvus Lite server."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import DependencyUnavailable, InvalidInput, NotFound
from core.ports import MovableIndex, VectorIndex
from retrieval.adapters.milvus import LIVE, MilvusIndex, MilvusTuning, alias_of
from retrieval.adapters.mirror import MirrorIndex

# Small batches, so that a few hundred rows already arrive in several.
TUNING = MilvusTuning(batch=100)
UNIT = np.eye(4, dtype=np.float32)


@pytest.fixture(params=["mirror", pytest.param("milvus", marks=pytest.mark.service("milvus"))])
def index(request: pytest.FixtureRequest) -> VectorIndex:
    if request.param == "mirror":
        return MirrorIndex()
    return MilvusIndex(request.getfixturevalue("milvus_uri"), 5.0, TUNING)


@pytest.fixture
def release() -> str:
    return f"20261120-221530-{uuid.uuid4().hex[:6]}"


def catalogue(n: int, dim: int = 8, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return rng.permutation(10 * n)[:n].astype(np.int64) + 1, rng.normal(size=(n, dim)).astype(np.float32)


def exact(
    ids: NDArray[np.int64], vectors: NDArray[np.float32], query: NDArray[np.float32], k: int
) -> tuple[list[int], NDArray[np.float64]]:
    """The slow reference: every product in double precision, sorted."""
    scores = vectors.astype(np.float64) @ query.astype(np.float64)
    order = np.argsort(-scores)[:k]
    return ids[order].tolist(), scores[order]


def test_implements_the_port(index: VectorIndex) -> None:
    assert isinstance(index, VectorIndex)
    assert isinstance(index, MovableIndex)


def test_finds_what_exact_search_finds(index: VectorIndex, release: str) -> None:
    ids, vectors = catalogue(350)
    index.publish(release, ids, vectors)
    for query in np.random.default_rng(1).normal(size=(20, 8)).astype(np.float32):
        found, scores = index.search(release, query, 25)
        wanted, wanted_scores = exact(ids, vectors, query, 25)
        assert found.tolist() == wanted
        np.testing.assert_allclose(scores, wanted_scores, rtol=1e-4, atol=1e-5)
        assert (found.dtype, scores.dtype) == (np.int64, np.float32)


def test_ranks_by_inner_product_and_not_by_angle(index: VectorIndex, release: str) -> None:
    vectors = np.array([[1, 0], [5, 5], [-9, 0]], dtype=np.float32)
    index.publish(release, np.array([10, 20, 30]), vectors)
    found, scores = index.search(release, np.array([1, 0], dtype=np.float32), 3)
    assert found.tolist() == [20, 10, 30]
    assert scores.tolist() == [5.0, 1.0, -9.0]


def test_more_asked_than_there_are_gives_all(index: VectorIndex, release: str) -> None:
    ids, vectors = catalogue(7)
    index.publish(release, ids, vectors)
    found, scores = index.search(release, vectors[0], 50)
    assert sorted(found.tolist()) == sorted(ids.tolist())
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


@pytest.mark.service("milvus")
def test_publishing_reports_its_progress(milvus_uri: str, release: str) -> None:
    heard: list[int] = []
    MilvusIndex(milvus_uri, 5.0, TUNING, heard.append).publish(release, *catalogue(250))
    assert heard == [100, 100, 50]


def test_moved_vectors_are_found_where_they_are_now(index: MovableIndex, release: str) -> None:
    ids, vectors = catalogue(250)
    index.publish(release, ids, vectors)
    moved = np.random.default_rng(2).permutation(len(ids))[:120]
    vectors[moved] = -3 * vectors[moved]
    index.move(release, ids[moved], vectors[moved])
    for query in np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32):
        assert index.search(release, query, 25)[0].tolist() == exact(ids, vectors, query, 25)[0]
    assert index.ready(release)
    assert len(index.search(release, vectors[0], 300)[0]) == len(ids)


def test_what_is_not_there_cannot_be_moved(index: MovableIndex, release: str) -> None:
    with pytest.raises(NotFound):
        index.move(release, np.array([1]), UNIT[:1])


def test_publishing_again_replaces(index: VectorIndex, release: str) -> None:
    index.publish(release, np.array([1, 2, 3, 4]), UNIT)
    index.publish(release, np.array([4, 9]), UNIT[:2])
    found, _ = index.search(release, UNIT[0], 10)
    assert found.tolist() == [4, 9]
    assert index.ready(release)


def test_releases_do_not_mix(index: VectorIndex, release: str) -> None:
    other = release.replace("-", "_")  # a name that a careless rule would map onto the same collection
    index.publish(release, np.array([1, 2, 3, 4]), UNIT)
    index.publish(other, np.array([5, 6]), np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32))
    assert index.search(release, UNIT[1], 1)[0].tolist() == [2]
    assert index.search(other, np.array([0, 1, 0], dtype=np.float32), 1)[0].tolist() == [6]


def test_ready_only_once_published(index: VectorIndex, release: str) -> None:
    assert not index.ready(release)
    index.publish(release, np.array([1, 2, 3, 4]), UNIT)
    assert index.ready(release)


def test_unknown_release_is_not_found(index: VectorIndex, release: str) -> None:
    with pytest.raises(NotFound, match=release):
        index.search(release, UNIT[0], 1)


def test_ids_beyond_32_bits(index: VectorIndex, release: str) -> None:
    index.publish(release, np.array([2**53 - 1, 1]), UNIT[:2])
    assert index.search(release, UNIT[0], 1)[0].tolist() == [2**53 - 1]


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [
        (np.array([1, 1]), UNIT[:2]),
        (np.array([1, 2, 3]), UNIT[:2]),
        (np.array([1, 2]), np.array([[0.0, np.nan], [0.0, 1.0]], dtype=np.float32)),
        (np.array([], dtype=np.int64), np.empty((0, 4), dtype=np.float32)),
    ],
    ids=["repeated id", "lengths differ", "not a number", "empty"],
)
def test_refuses_what_would_poison_it(
    index: VectorIndex, release: str, ids: NDArray[np.int64], vectors: NDArray[np.float32]
) -> None:
    with pytest.raises(InvalidInput):
        index.publish(release, ids, vectors)
    assert not index.ready(release)


def test_retain_forgets_the_other_releases(release: str) -> None:
    mirror = MirrorIndex()
    for name in ("old", "previous", release):
        mirror.publish(name, np.array([1, 2, 3, 4]), UNIT)
    assert mirror.retain({"previous", release}) == ["old"]
    assert not mirror.ready("old")
    assert mirror.ready("previous")


def test_a_reader_never_sees_half_of_a_replacement(release: str) -> None:
    mirror = MirrorIndex()
    versions = {4: np.array([1, 2, 3, 4]), 2: np.array([8, 9])}
    mirror.publish(release, versions[4], UNIT)
    seen: list[list[int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(sorted(mirror.search(release, UNIT[0], 10)[0].tolist()))

    reader = threading.Thread(target=read)
    reader.start()
    for size in (2, 4) * 500:
        mirror.publish(release, versions[size], UNIT[:size])
    done.set()
    reader.join()
    assert seen
    assert all(ids in ([1, 2, 3, 4], [8, 9]) for ids in seen)


# --- what only a service can do -----------------------------------------------------------------------------------------


@contextmanager
def milvus_lite(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Milvus Lite server of the test's own, that may be killed."""
    command = [str(Path(sys.executable).with_name("milvus-lite")), "server", "--data-dir", str(folder)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.service("milvus")
def test_survives_the_death_of_its_server(tmp_path: Path, free_port: Callable[[], int], release: str) -> None:
    port = free_port()
    index = MilvusIndex(f"http://127.0.0.1:{port}", 5.0, TUNING)
    with pytest.raises(DependencyUnavailable, match="milvus"):
        index.ready(release)  # it is built while Milvus is down
    ids, vectors = catalogue(350)
    with milvus_lite(tmp_path / "db", port) as server:
        index.publish(release, ids, vectors)
        before = index.search(release, vectors[3], 40)
        server.kill()
        server.wait()
        for _ in range(2):
            with pytest.raises(DependencyUnavailable, match="milvus"):
                index.search(release, vectors[3], 40)
    with milvus_lite(tmp_path / "db", port):
        after = index.search(release, vectors[3], 40)
        assert index.ready(release)
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1], before[1])


@pytest.mark.service("milvus")
@pytest.mark.timeout(30)  # without a cap of its own pymilvus would still be retrying
def test_a_silent_server_is_unavailable() -> None:
    with socket.socket() as deaf:  # accepts connections and never says a word
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        index = MilvusIndex(f"http://127.0.0.1:{deaf.getsockname()[1]}", 0.3)
        with pytest.raises(DependencyUnavailable, match="milvus"):
            index.search("release", UNIT[0], 1)


@pytest.mark.service("milvus")
def test_a_publisher_that_dies_leaves_the_old_index(milvus_uri: str, release: str) -> None:
    index = MilvusIndex(milvus_uri, 5.0, TUNING)
    index.publish(release, np.array([1, 2, 3, 4]), UNIT)
    client = index._connected()
    half = f"{alias_of(release)}_4_deadbeef"  # what a killed publisher leaves: filled in part, no alias
    index._fill(client, half, np.array([8, 9]), UNIT[:2])
    assert index.search(release, UNIT[0], 10)[0].tolist() == [1, 2, 3, 4]
    assert index.ready(release)
    assert half in index.retain([release])


@pytest.mark.service("milvus")
def test_a_collection_that_lost_rows_is_not_ready(milvus_uri: str, release: str) -> None:
    index = MilvusIndex(milvus_uri, 5.0, TUNING)
    index.publish(release, np.array([1, 2, 3, 4]), UNIT)
    index._connected().delete(alias_of(release), ids=[3])
    assert not index.ready(release)


@pytest.mark.service("milvus")
def test_the_live_alias_follows_the_newest_and_retain_keeps_it(milvus_uri: str, release: str) -> None:
    index = MilvusIndex(milvus_uri, 5.0, TUNING)
    for name in ("old", "previous", release):
        index.publish(f"{name}-{release}", np.array([1, 2, 3, 4]), UNIT)
    live = index._connected().describe_alias(LIVE)["collection_name"]
    assert live.startswith(alias_of(f"{release}-{release}"))
    dropped = index.retain([f"previous-{release}"])
    assert any(name.startswith(alias_of(f"old-{release}")) for name in dropped)
    assert not index.ready(f"old-{release}")
    assert index.ready(f"previous-{release}")
    assert index.ready(f"{release}-{release}")  # live, though nobody named it


@pytest.mark.service("milvus")
def test_large_catalogues_are_searched_by_graph(milvus_uri: str, release: str) -> None:
    """Above `flat_up_to` an HNSW graph answers; its recall against exact search stays high."""
    ids, vectors = catalogue(2_000, dim=16)
    index = MilvusIndex(milvus_uri, 5.0, MilvusTuning(flat_up_to=1_000))
    index.publish(release, ids, vectors)
    reader = MilvusIndex(milvus_uri, 5.0, MilvusTuning(flat_up_to=1_000))  # another process: it has to find out the kind
    found = []
    for query in np.random.default_rng(2).normal(size=(20, 16)).astype(np.float32):
        wanted, _ = exact(ids, vectors, query, 100)
        found.append(len(set(reader.search(release, query, 100)[0].tolist()) & set(wanted)) / 100)
    assert np.mean(found) >= 0.98
