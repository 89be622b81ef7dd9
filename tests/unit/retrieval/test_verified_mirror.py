"""The mirror answers whatever happens; the truth decides whether its answers may be believed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import DependencyUnavailable, NotFound
from core.ports import VectorIndex
from retrieval.adapters.mirror import MirrorIndex
from retrieval.verified_mirror import VerifiedMirror

IDS = np.array([10, 20, 30])
VECTORS = np.eye(3, dtype=np.float32)
QUERY = np.array([0.1, 0.9, 0.5], dtype=np.float32)


class Truth(MirrorIndex):
    """A source of truth that can be switched off."""

    down = False

    def _reach(self) -> None:
        if self.down:
            raise DependencyUnavailable("milvus", "switched off by the test")

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self._reach()
        super().publish(release, item_ids, vectors)

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        raise AssertionError("every search is the mirror's")

    def ready(self, release: str) -> bool:
        self._reach()
        return super().ready(release)


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def index(truth: Truth) -> VerifiedMirror:
    index = VerifiedMirror(MirrorIndex(), truth)
    index.publish("r1", IDS, VECTORS)
    return index


def answer(index: VectorIndex) -> list[int]:
    return index.search("r1", QUERY, 2)[0].tolist()


def test_both_well(index: VerifiedMirror) -> None:
    assert isinstance(index, VectorIndex)
    assert answer(index) == [20, 30]
    assert index.ready("r1")
    assert not index.degraded


def test_an_outage_is_noticed_when_asked_served_through_and_recovered_from(index: VerifiedMirror, truth: Truth) -> None:
    truth.down = True
    assert not index.degraded, "nobody has looked yet"
    assert index.ready("r1")
    assert index.degraded
    assert answer(index) == [20, 30]
    assert index.degraded, "a search proves nothing about the truth"
    truth.down = False
    assert index.ready("r1")
    assert not index.degraded


def test_a_truth_that_lost_the_release_counts_as_an_outage(index: VerifiedMirror, truth: Truth) -> None:
    truth.retain([])
    assert index.ready("r1")
    assert index.degraded
    assert answer(index) == [20, 30]
    index.publish("r1", IDS, VECTORS)
    assert index.ready("r1")
    assert not index.degraded


def test_a_release_that_only_the_truth_has_cannot_be_searched(index: VerifiedMirror, truth: Truth) -> None:
    truth.publish("r2", IDS, VECTORS)
    assert not index.ready("r2")
    assert not index.degraded
    with pytest.raises(NotFound):
        index.search("r2", QUERY, 1)


def test_what_could_not_be_stored_is_not_mirrored(index: VerifiedMirror, truth: Truth) -> None:
    truth.down = True
    with pytest.raises(DependencyUnavailable):
        index.publish("r2", IDS, VECTORS)
    assert not index.ready("r2")
