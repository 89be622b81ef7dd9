"""The circuit breaker: who answers, when the primary is asked again, and by how many."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import DependencyUnavailable, NotFound
from core.ports import VectorIndex
from retrieval.adapters.mirror import MirrorIndex
from retrieval.fallback import FallbackIndex

PATIENT = 30.0  # seconds: longer than any test runs
QUERY = np.array([1.0], dtype=np.float32)
PRIMARY, MIRROR = np.array([1]), np.array([2])  # which one answered shows in the id


class Switchable(MirrorIndex):
    """A primary that can be down."""

    down = False
    hangs_until: threading.Event | None = None
    asked = 0

    def __init__(self) -> None:
        super().__init__()
        self.news = threading.Condition()

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        with self.news:
            self.asked += 1
            self.news.notify_all()
        if self.hangs_until is not None:
            assert self.hangs_until.wait(PATIENT)
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
    return FallbackIndex(primary, mirror, PATIENT, retry_after=5.0, clock=clock)


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


def asked_behind(primary: Switchable, times: int) -> int:
    """How often the primary was asked, once it was asked so often."""
    with primary.news:
        assert primary.news.wait_for(lambda: primary.asked >= times, PATIENT)
        return primary.asked


def test_a_dead_primary_is_left_alone_for_a_while(index: FallbackIndex, primary: Switchable, clock: Clock) -> None:
    primary.down = True
    for _ in range(10):
        assert answered_by(index) == 2
    assert primary.asked == 1
    clock.now += 5.0
    for _ in range(10):
        assert answered_by(index) == 2
    assert asked_behind(primary, 2) == 2


def test_it_recovers_behind_an_answer_of_the_mirror(index: FallbackIndex, primary: Switchable, clock: Clock) -> None:
    primary.down = True
    answered_by(index)
    primary.down = False
    assert answered_by(index) == 2
    assert primary.asked == 1, "not asked yet"
    clock.now += 5.0
    assert answered_by(index) == 2
    asked_behind(primary, 2)
    while index.degraded:  # what the primary answered is not known here in the same moment
        time.sleep(0.001)
    assert answered_by(index) == 1


def test_a_primary_that_hangs_is_left_behind_at_once(primary: Switchable) -> None:
    mirror, released = MirrorIndex(), threading.Event()
    mirror.publish("r1", MIRROR, QUERY[None])
    index = FallbackIndex(primary, mirror, patience=0.02, retry_after=0.0)
    primary.hangs_until = released
    try:
        assert [answered_by(index) for _ in range(20)] == [2] * 20, "none waits until it is released"
        assert index.degraded
    finally:
        released.set()


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
