"""Diverse orders, against hand-computed cases and the definition by determinants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ranking.diversity import cosines, determinantal, maximal_marginal_relevance

RELEVANCE = np.array([1.0, 0.9, 0.5, 0.4], dtype=np.float32)
ALIKE = np.array([[1, 0.95, 0, 0], [0.95, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0.5, 1]], dtype=np.float32)  # two pairs


def test_marginal_relevance_by_hand() -> None:
    assert maximal_marginal_relevance(RELEVANCE, ALIKE, 1.0).tolist() == [0, 1, 2, 3]
    # after 0: 1 has .45 - .475, 2 has .25, 3 has .2; after 2: 1 has -.025, 3 has .2 - .25
    assert maximal_marginal_relevance(RELEVANCE, ALIKE, 0.5).tolist() == [0, 2, 1, 3]
    assert maximal_marginal_relevance(RELEVANCE, ALIKE, 0.0).tolist() == [0, 2, 3, 1]


@example(n=5, theta=0.95, seed=301)  # what is left of two items is far below the best, and above their own errors
@given(st.integers(1, 8), st.sampled_from([0.0, 0.3, 0.7, 0.95]), st.integers(0, 10_000))
def test_the_fast_way_is_the_greedy_one_by_determinants(n: int, theta: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarity = cosines(rng.normal(size=(n, 12)).astype(np.float32))
    relevance = rng.random(n).astype(np.float32)
    weight = np.exp(theta / (2 * (1 - theta)) * relevance.astype(np.float64))
    kernel = weight[:, None] * similarity.astype(np.float64) * weight
    chosen: list[int] = []
    for _ in range(n):
        left = [one for one in range(n) if one not in chosen]
        volume = [np.linalg.det(kernel[np.ix_([*chosen, one], [*chosen, one])]) for one in left]
        chosen.append(left[int(np.argmax(volume))])
    assert determinantal(relevance, similarity, theta).tolist() == chosen


def test_items_that_are_the_same_come_last_in_their_order() -> None:
    same = np.ones((4, 4), dtype=np.float32)
    assert determinantal(RELEVANCE, same, 0.5).tolist() == [0, 1, 2, 3]
    assert determinantal(RELEVANCE[::-1].copy(), same, 0.5).tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("n", [0, 1])
def test_of_nothing_and_of_one(n: int) -> None:
    assert maximal_marginal_relevance(RELEVANCE[:n], ALIKE[:n, :n], 0.5).tolist() == list(range(n))
    assert determinantal(RELEVANCE[:n], ALIKE[:n, :n], 0.5).tolist() == list(range(n))


def test_a_vector_of_zeros_is_similar_to_itself_alone() -> None:
    found = cosines(np.array([[0, 0], [3, 4], [0, 1]], dtype=np.float32))
    assert np.allclose(found, [[1, 0, 0], [0, 1, 0.8], [0, 0.8, 1]])
