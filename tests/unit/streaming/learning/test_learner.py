"""What the stream teaches, and how far it may go. A small world: two tastes, and a film that both towers never saw."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.kinds import KIND_CODE
from lake.learned_vectors import LearnedVectors
from retrieval.config import TrainConfig
from retrieval.history import EncodedHistory, tower_inputs
from retrieval.losses import full_softmax
from retrieval.two_tower import TwoTower
from streaming.learning.learner import Example, LearnerConfig, OnlineLearner, softmax_gradient
from streaming.learning.prequential import GuardConfig

N = 12
NONE = np.empty(0, dtype=np.int64)
CALM = GuardConfig(window=10_000, min_examples=10_000)


@cache
def world() -> tuple[TwoTower, np.ndarray]:
    films = pl.DataFrame({"item_id": range(1, N + 1), "title": ["x"] * N, "genres": [["a"]] * N, "year": [2000] * N})
    catalogue = Catalogue.from_frame(films)
    torch.manual_seed(0)
    towers = TwoTower(catalogue, np.ones(N, dtype=bool), TrainConfig(dim=8, blocks=1, heads=1, dropout=0.0, history_length=6))
    return towers, towers.item_embeddings()


def encode(histories: Sequence[EncodedHistory], vectors: np.ndarray) -> np.ndarray:
    inputs = {name: torch.from_numpy(array) for name, array in tower_inputs(histories, vectors).items()}
    with torch.inference_mode():
        return world()[0].eval()(**inputs).numpy()


def watched(rows: list[int]) -> EncodedHistory:
    n = len(rows)
    kinds = np.full(n, KIND_CODE["rating"])
    return EncodedHistory(np.array(rows, dtype=np.intp), kinds, np.full(n, 4, np.float32), np.zeros(n, np.float32), NONE)


def examples(target: int, times: int) -> list[Example]:
    return [Example(watched([k % 3]), target, np.array([k % 3])) for k in range(times)]


def learner(config: LearnerConfig | None = None, guard: GuardConfig = CALM) -> OnlineLearner:
    return OnlineLearner(encode, world()[1], np.zeros(N, np.float32), config or LearnerConfig(batch=8, replay=1.0), guard)


def rank(found: OnlineLearner, target: int) -> int:
    scores = found.vectors @ encode([watched([0])], found.vectors)[0]
    return int((scores > scores[target]).sum())


def test_films_that_people_choose_rise() -> None:
    found = learner()
    target = int(np.argmin(found.vectors @ encode([watched([0])], found.vectors)[0]))
    assert rank(found, target) == N - 1
    for _ in range(60):
        found.learn(examples(target, 8))
    assert rank(found, target) <= 2


def test_only_touched_rows_are_published_and_versions_count_up() -> None:
    found = learner()
    first, second = found.learn(examples(5, 8)), found.learn(examples(7, 8))
    assert first is not None
    assert second is not None
    assert (first.version, second.version, found.version) == (1, 2, 2)
    assert first.rows.tolist() == [5]
    assert second.rows.tolist() == [5, 7]
    np.testing.assert_array_equal(second.vectors, found.vectors[second.rows])
    untouched = np.setdiff1d(np.arange(N), [5, 7])
    np.testing.assert_array_equal(found.vectors[untouched], world()[1][untouched])


def test_nothing_comes_of_nothing() -> None:
    assert learner().learn([]) is None


def test_no_vector_leaves_its_ball() -> None:
    found = learner(LearnerConfig(batch=8, replay=0.0, learning_rate=10, radius=0.25))
    for _ in range(20):
        found.learn(examples(5, 8))
    moved = (found.vectors - world()[1]) / world()[1].std(axis=0)
    assert np.sqrt((moved**2).mean(axis=1)).max() == pytest.approx(0.25, rel=1e-4)


def test_harmful_updates_are_rolled_back_and_published() -> None:
    """Everybody takes up one half of the films, and from one day on the other half: now the release was better."""
    vectors = world()[1]
    found = learner(
        LearnerConfig(batch=8, replay=0.0, learning_rate=0.3, radius=5), GuardConfig(window=16, min_examples=16, z=0.5)
    )
    for turn in range(40):
        found.learn(examples(3 + turn % 4, 8))
    before = found.guard.rollbacks
    for turn in range(10):
        published = found.learn(examples(8 + turn % 4, 8))
        if found.guard.rollbacks > before:
            break
    assert found.guard.rollbacks == before + 1
    assert published is not None
    assert published.version == found.version
    np.testing.assert_array_equal(published.vectors, vectors[published.rows])
    np.testing.assert_array_equal(found.vectors, vectors)


def test_the_same_stream_teaches_the_same() -> None:
    one, other = learner(), learner()
    for found in (one, other):
        for target in (5, 7, 5, 9):
            found.learn(examples(target, 8))
    np.testing.assert_array_equal(one.vectors, other.vectors)


def test_the_gradient_is_the_one_that_training_uses() -> None:
    rng = np.random.default_rng(0)
    users, items = rng.standard_normal((6, 4), dtype=np.float32), rng.standard_normal((N, 4), dtype=np.float32)
    targets = np.array([3, 5, 3, 0, 11, 5])
    rows = np.unique(targets)
    there = torch.from_numpy(items).requires_grad_()
    (len(users) * full_softmax(torch.from_numpy(users), there, torch.from_numpy(targets))).backward()
    assert there.grad is not None
    np.testing.assert_allclose(softmax_gradient(users, items, targets, rows), there.grad.numpy()[rows], rtol=1e-4, atol=1e-6)


def test_another_process_goes_on_where_this_one_stopped() -> None:
    one, other = learner(), learner()
    learned = one.learn(examples(5, 8))
    assert learned is not None
    other.resume(learned)
    assert other.version == 1
    np.testing.assert_allclose(other.vectors, one.vectors, atol=1e-6)
    other.resume(LearnedVectors(2, np.array([5]), world()[1][[5]]))
    np.testing.assert_array_equal(other.vectors, world()[1])


def test_films_that_the_release_knows_well_hardly_move() -> None:
    known = np.zeros(N, np.float32)
    known[5] = 1000
    found = OnlineLearner(encode, world()[1], known, LearnerConfig(batch=8, replay=0.0, inertia=100), CALM)
    found.learn([*examples(5, 8), *examples(7, 8)])
    moved = np.linalg.norm(found.vectors - world()[1], axis=1)
    assert 0 < 20 * moved[5] < moved[7]


def test_the_replay_forgets_the_oldest() -> None:
    found = learner(LearnerConfig(batch=4, replay=1.0, buffer=6))
    for target in (3, 4, 5):
        found.learn(examples(target, 4))
    assert len(found._buffer) == 6
    assert {one.target for one in found._buffer} == {4, 5}


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"radius": 0.0}, {"learning_rate": float("nan")}, {"buffer": 0}])
def test_a_wrong_configuration_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        LearnerConfig(**wrong)  # type: ignore[arg-type]
