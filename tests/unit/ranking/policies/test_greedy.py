"""Greedy takes the best, and is certain."""

import numpy as np

from ranking.policies import greedy


def test_it_takes_the_best_and_is_certain() -> None:
    chosen = greedy.choose(np.array([0.1, 0.9, 0.5, 0.9], dtype=np.float32), 3)
    assert chosen.index.tolist() == [1, 3, 2], "ties keep their order"
    assert chosen.propensities.tolist() == [1, 1, 1]
    assert chosen.explored.tolist() == [False, False, False]


def test_fewer_candidates_than_asked_are_all_chosen() -> None:
    assert greedy.choose(np.array([1.0, 2.0], dtype=np.float32), 5).index.tolist() == [1, 0]
    assert len(greedy.choose(np.empty(0, dtype=np.float32), 5).index) == 0


def test_a_list_has_the_propensities_that_it_is_greedy_with() -> None:
    scores = np.array([1, 3, 2, 3], dtype=np.float32)
    assert greedy.propensities(scores, greedy.choose(scores, 4).index).tolist() == [1, 1, 1, 1]
    assert greedy.propensities(scores, np.array([3, 1, -1, 2, 0])).tolist() == [0, 1, 0, 1, 1]
    assert greedy.propensities(scores[:0], np.array([-1])).tolist() == [0]
