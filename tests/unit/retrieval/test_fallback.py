"""The circuit breaker: who answers, when the primary is asked again, and by how many."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import DependencyUnavailable, NotFound
from core.ports import VectorIndex
from retrieval.adapters.mirror import MirrorIndex
from retrieval.fallback import FallbackIndex

QUERY = np.array([1.0], dtype=np.float32)
PRIMARY, MIRROR = np.array([1]), np.array([2])  # which one answered shows in the id


class Switchable(MirrorIndex):
    """A primary that can be down."""

    down = False
    asked = 0

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        self.asked += 1
        if self.down:
            raise DependencyUnavailable("milvus", "switched off")
        return super().search(release, query, k)

    def ready(self, release: str) -> bool:
        if self.down:
            raise DependencyUnavailable("milvus", "switched off")
        return super().ready(release)

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        if self.down:
            raise DependencyUnavailable("milvus", "switched off")
        super().publish(release, item_ids, vectors)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def primary() -> Switchable:
    index = Switchable()
    index.publish("r1", PRIMARY, QUERY[None])
    return index


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def index(primary: Switchable, clock: Clock) -> FallbackIndex:
    mirror = MirrorIndex()
    mirror.publish("r1", MIRROR, QUERY[None])
    return FallbackIndex(primary, mirror, retry_after=5.0, clock=clock)


def answered_by(index: VectorIndex) -> int:
    return int(index.search("r1", QUERY, 1)[0][0])


def test_is_a_vector_index(index: FallbackIndex) -> None:
    assert isinstance(index, VectorIndex)


def test_the_primary_answers_while_it_can(index: FallbackIndex) -> None:
    assert answered_by(index) == 1
    assert not index.degraded


def test_the_mirror_answers_for_a_dead_primary(index: FallbackIndex, primary: Switchable) -> None:
    primary.down = True
    assert answered_by(index) == 2
    assert index.degraded


def test_a_dead_primary_is_left_alone_for_a_while(index: FallbackIndex, primary: Switchable, clock: Clock) -> None:
    primary.down = True
    for _ in range(10):
        assert answered_by(index) == 2
    assert primary.asked == 1
    clock.now += 5.0
    for _ in range(10):
        assert answered_by(index) == 2
    assert primary.asked == 2


def test_recovers(index: FallbackIndex, primary: Switchable, clock: Clock) -> None:
    primary.down = True
    answered_by(index)
    primary.down = False
    assert answered_by(index) == 2  # not asked yet
    clock.now += 5.0
    assert answered_by(index) == 1
    assert not index.degraded


def test_one_caller_tries_a_dead_primary_while_the_others_go_on(index: FallbackIndex, primary: Switchable, clock: Clock) -> None:
    primary.down = True
    answered_by(index)
    clock.now += 5.0
    entered, leave = threading.Event(), threading.Event()

    def slow_death(*_: object) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        entered.set()
        leave.wait(10)
        raise DependencyUnavailable("milvus", "timed out")

    primary.search = slow_death  # type: ignore[method-assign]
    prober = threading.Thread(target=answered_by, args=(index,))
    prober.start()
    assert entered.wait(10)
    assert answered_by(index) == 2  # would hang until `leave` if it asked the primary too
    leave.set()
    prober.join(10)
    assert index.degraded


def test_a_release_that_only_the_mirror_has_is_served_from_it(index: FallbackIndex, primary: Switchable) -> None:
    primary.retain([])
    assert answered_by(index) == 2
    assert index.degraded


def test_a_release_that_nobody_has_is_not_found_and_no_failure(index: FallbackIndex) -> None:
    with pytest.raises(NotFound):
        index.search("r9", QUERY, 1)
    assert not index.degraded


def test_ready_if_either_can_answer(index: FallbackIndex, primary: Switchable) -> None:
    assert index.ready("r1")
    assert not index.ready("r9")
    primary.down = True
    assert index.ready("r1")
    assert index.degraded


def test_publishing_reaches_the_mirror_and_reports_a_dead_primary(index: FallbackIndex, primary: Switchable) -> None:
    primary.down = True
    with pytest.raises(DependencyUnavailable):
        index.publish("r2", MIRROR, QUERY[None])
    assert index.search("r2", QUERY, 1)[0].tolist() == [2]
