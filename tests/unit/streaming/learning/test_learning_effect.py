"""From events to published vectors: what an example may know, what is published where, and what happens when that fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from prometheus_client import REGISTRY

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable
from core.events import Interaction
from core.features import UserFeatures
from core.ports import LoggedRecord
from feature_repo.adapters.memory import MemoryFeatures
from feature_repo.transforms import UserEvent, UserState
from lake.later_transitions import PublishedTransitions
from lake.learned_vectors import PublishedVectors
from retrieval.adapters.mirror import MirrorIndex
from retrieval.history import EncodedHistory, history_of
from streaming.decoding import Decoded
from streaming.learning.examples import examples_of
from streaming.learning.learned_publisher import LearnedPublisher
from streaming.learning.learner import LearnerConfig, OnlineLearner
from streaming.learning.learning_effect import LearningBudget, LearningEffect
from streaming.learning.transition_counter import TransitionCounter

IDS = np.arange(1, 9) * 10
CATALOGUE = Catalogue.from_frame(pl.DataFrame({"item_id": IDS, "title": ["x"] * 8, "genres": [["a"]] * 8, "year": [2000] * 8}))
VECTORS = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
T0 = 1_700_000_000.0


def event(item: int, at: float, kind: str = "rating", user: int = 7) -> Decoded:
    value = 4.0 if kind == "rating" else None
    made = Interaction.model_validate({"user_id": user, "item_id": item, "kind": kind, "value": value, "ts": T0 + at})
    return Decoded(LoggedRecord("interactions", 0, int(at), str(user), made.event_id or "", b""), made, user, item)


def features(batch: Sequence[Decoded], user: int = 7) -> UserFeatures:
    state = UserState(UserFeatures(user))
    for one in batch:
        state.add(UserEvent(user, one.event.item_id, one.event.kind.value, one.event.value, one.event.ts), ("a",))
    return state.features()


def read(user: UserFeatures) -> EncodedHistory:
    return history_of(user, CATALOGUE, 100)


def encode(histories: Sequence[EncodedHistory], vectors: np.ndarray) -> np.ndarray:
    return np.array([vectors[history.rows].mean(axis=0) for history in histories], dtype=np.float32)


class LearningSetup:
    """An effect on a store, a mirror and a file."""

    def __init__(self, tmp_path: Path, index: MirrorIndex | None = None, max_events: int = 256) -> None:
        self.path = tmp_path / "learned.parquet"
        self.index = index or MirrorIndex()
        self.index.publish("r1", CATALOGUE.ids, VECTORS)
        self.store = MemoryFeatures()
        self.learner = OnlineLearner(encode, VECTORS, np.zeros(8, np.float32), LearnerConfig(batch=4, replay=0.0))
        self.slept: list[float] = []
        self.followed = tmp_path / "transitions.parquet"
        publish = LearnedPublisher(self.path, self.followed, self.index, "r1", CATALOGUE.ids, VECTORS)
        budget = LearningBudget(interval=2.0, max_events=max_events)
        self.effect = LearningEffect(
            self.store,
            self.learner,
            TransitionCounter(len(CATALOGUE), window=2),
            publish,
            CATALOGUE,
            read,
            T0,
            budget,
            clock=lambda: 0.0,
            sleep=self.slept.append,
        )

    def held(self) -> np.ndarray:
        """What the index has, row by row."""
        columns = []
        for axis in np.eye(4, dtype=np.float32):
            ids, scores = self.index.search("r1", axis, 8)
            columns.append(scores[np.argsort(ids)])
        return np.stack(columns, axis=1)


def test_an_example_knows_what_came_before_and_nothing_else() -> None:
    batch = [event(10, 1), event(20, 2), event(30, 3), event(40, 3)]
    [first, second, third] = examples_of(batch, {7: features(batch)}, CATALOGUE, read)
    assert [first.history.rows.tolist(), second.history.rows.tolist(), third.history.rows.tolist()] == [[0], [0, 1], [0, 1]]
    assert [first.target, second.target, third.target] == [1, 2, 3]
    assert first.target not in first.seen


@pytest.mark.parametrize("late", [event(20, 9), event(10, 9), event(990, 9), event(50, 9, "skip"), event(50, 9, "search")])
def test_an_event_that_is_not_a_first_verdict_gives_no_example(late: Decoded) -> None:
    known = [event(10, 1), event(20, 2)]
    assert list(examples_of([late], {7: features([*known, late])}, CATALOGUE, read)) == []


def test_users_without_a_history_give_no_example() -> None:
    assert list(examples_of([event(10, 1)], {7: None}, CATALOGUE, read)) == []
    assert list(examples_of([event(10, 1)], {7: features([event(10, 1)])}, CATALOGUE, read)) == []


def test_learned_vectors_are_published_and_moved_in_the_index(tmp_path: Path) -> None:
    world = LearningSetup(tmp_path)
    batch = [event(10, 1), event(50, 2)]
    world.store.write([features(batch)])
    world.effect.apply(batch)
    found = PublishedVectors(world.path).look("r1", CATALOGUE, 4)
    assert found is not None
    assert (found.version, found.rows.tolist()) == (1, [4])
    np.testing.assert_allclose(world.held(), world.learner.vectors, atol=1e-6)
    assert np.abs(world.held() - VECTORS)[4].max() > 0.01
    assert world.slept == [2.0]


def test_what_followed_what_is_published_with_the_vectors(tmp_path: Path) -> None:
    world = LearningSetup(tmp_path)
    batch = [event(10, 1), event(30, 2), event(40, 3), event(60, 4)]
    world.store.write([features(batch)])
    world.effect.apply(batch[1:])
    counts = PublishedTransitions(world.followed).look("r1", CATALOGUE)
    assert counts is not None
    assert counts.todense().nonzero()[1].tolist() == [2, 3, 3, 5, 5], "item 20 is row 1; two items back still count"
    assert counts[0, 2] == 1.0
    assert counts[0, 3] == counts[2, 5] == 0.5


def test_what_the_release_has_learned_is_not_learned_again(tmp_path: Path) -> None:
    world = LearningSetup(tmp_path)
    batch = [event(10, -20), event(50, -10), event(60, 0)]
    world.store.write([features(batch)])
    world.effect.apply(batch[:2])
    assert world.learner.version == 0
    world.effect.apply(batch)
    assert np.flatnonzero(np.abs(world.learner.vectors - VECTORS).max(axis=1)).tolist() == [5]


def test_an_index_that_was_unavailable_gets_the_missing_rows_later(tmp_path: Path) -> None:
    class Away(MirrorIndex):
        away = False

        def move(self, release: str, item_ids: np.ndarray, vectors: np.ndarray) -> None:
            if self.away:
                raise DependencyUnavailable("milvus", "gone")
            super().move(release, item_ids, vectors)

    index = Away()
    world = LearningSetup(tmp_path, index)
    batch = [event(10, 1), event(50, 2), event(60, 3)]
    world.store.write([features(batch)])
    index.away = True
    world.effect.apply(batch[:2])
    np.testing.assert_allclose(world.held(), VECTORS, atol=1e-6)
    index.away = False
    world.effect.apply(batch[2:])
    np.testing.assert_allclose(world.held(), world.learner.vectors, atol=1e-6)


def test_an_unavailable_store_is_reported_before_anything_is_learned(tmp_path: Path) -> None:
    class Gone(MemoryFeatures):
        def read(self, user_id: int) -> UserFeatures | None:
            raise DependencyUnavailable("feature_store", f"no answer for {user_id}")

    world = LearningSetup(tmp_path)
    world.effect._store = Gone()
    with pytest.raises(DependencyUnavailable):
        world.effect.apply([event(10, 1), event(50, 2)])
    assert world.learner.version == 0


def test_more_than_there_is_time_for_is_counted_as_shed(tmp_path: Path) -> None:
    def shed() -> float:
        return REGISTRY.get_sample_value("marquee_events_shed_total", {"group": "learner", "kind": "rating"}) or 0.0

    before = shed()
    world = LearningSetup(tmp_path, max_events=2)
    world.effect.apply([event(10 * n, n) for n in range(1, 7)])
    assert shed() - before == 4
