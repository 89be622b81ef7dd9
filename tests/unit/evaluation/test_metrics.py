"""Each metric against a table worked out by hand, and against a slow reference on random data."""

import math

import numpy as np
import pytest

from evaluation.metrics import NOT_FOUND, coverage, hit_rate, ndcg, popularity_debiased, rank_of, reciprocal_rank

RANKS = np.array([0, 1, 2, 9, 10, 500, NOT_FOUND], dtype=np.int64)


@pytest.mark.parametrize(("k", "expected"), [(1, [1, 0, 0, 0, 0, 0, 0]), (3, [1, 1, 1, 0, 0, 0, 0]), (10, [1, 1, 1, 1, 0, 0, 0])])
def test_hit_rate(k: int, expected: list[int]) -> None:
    assert hit_rate(RANKS, k).tolist() == expected


def test_ndcg() -> None:
    """1 / log2(2), 1 / log2(3), 1 / log2(4), 1 / log2(11), then nothing."""
    assert ndcg(RANKS, 10).tolist() == pytest.approx([1.0, 0.63093, 0.5, 0.28906, 0, 0, 0], abs=1e-5)
    assert ndcg(RANKS, 2).tolist() == pytest.approx([1.0, 0.63093, 0, 0, 0, 0, 0], abs=1e-5)


def test_reciprocal_rank() -> None:
    assert reciprocal_rank(RANKS).tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 10, 1 / 11, 1 / 501, 0])


def test_no_queries_no_values() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert len(hit_rate(nothing, 10)) == len(ndcg(nothing, 10)) == len(reciprocal_rank(nothing)) == 0
    assert popularity_debiased(np.empty(0), np.empty(0)) == 0.0


@pytest.mark.parametrize(
    ("shown", "n_items", "expected"),
    [([[0, 1], [1, 2]], 6, 0.5), ([[3, 3]], 4, 0.25), ([[0, 1, 2]], 3, 1.0), ([], 5, 0.0), ([], 0, 0.0)],
)
def test_coverage(shown: list[list[int]], n_items: int, expected: float) -> None:
    assert coverage(np.array(shown, dtype=np.intp), n_items) == expected


@pytest.mark.parametrize(
    ("values", "popularity", "expected"),
    [
        ([1.0, 0.0], [1.0, 1.0], 0.5),  # equal popularity: the plain mean
        ([1.0, 0.0], [3.0, 1.0], 0.25),  # (1/3) / (1/3 + 1)
        ([1.0, 0.0], [1.0, 4.0], 0.8),  # 1 / (1 + 1/4)
        ([1.0, 0.0], [0.0, 1.0], 0.5),  # an item never seen before counts as seen once
        ([0.5, 0.5, 0.5], [1.0, 10.0, 1000.0], 0.5),  # weights cannot move a constant
    ],
)
def test_popularity_debiased(values: list[float], popularity: list[float], expected: float) -> None:
    assert popularity_debiased(np.array(values), np.array(popularity)) == pytest.approx(expected)


#   row        0    1    2    3    4
SCORES = np.array([0.5, 0.9, 0.5, 0.1, 0.5], dtype=np.float32)
TIES = np.array([30, 10, 20, 50, 40], dtype=np.uint64)


@pytest.mark.parametrize(
    ("target", "excluded", "rank"),
    [
        (1, [], 0),
        (2, [], 1),  # of the three with 0.5 the lowest tie value comes first
        (0, [], 2),
        (4, [], 3),
        (3, [], 4),
        (4, [1], 2),  # what is excluded is not ahead of anything
        (4, [0, 1, 2], 0),
        (3, [0, 1, 2, 4], 0),
        (0, [0], 2),  # a target that is excluded itself is let back in
        (0, [0, 2], 1),
    ],
)
def test_rank_of(target: int, excluded: list[int], rank: int) -> None:
    assert rank_of(SCORES, target, np.array(excluded, dtype=np.intp), TIES) == rank


def slow_rank(scores: list[float], target: int, excluded: set[int], ties: list[int]) -> int:
    """Where the target stands when the open rows are sorted."""
    rows = [row for row in range(len(scores)) if row == target or row not in excluded]
    return sorted(rows, key=lambda row: (-scores[row], ties[row])).index(target)


def test_random_data_against_the_slow_reference() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = int(rng.integers(1, 25))
        scores = rng.integers(0, 5, size=n).astype(np.float32)  # few values: many ties
        ties = rng.permutation(n).astype(np.uint64)
        excluded = np.flatnonzero(rng.random(n) < 0.3)
        target = int(rng.integers(n))
        rank = rank_of(scores, target, excluded, ties)
        assert rank == slow_rank(scores.tolist(), target, set(excluded.tolist()), ties.tolist())
        gains = [1.0 / math.log2(place + 2) if place == rank and place < 10 else 0.0 for place in range(n)]
        assert ndcg(np.array([rank]), 10)[0] == pytest.approx(sum(gains))


def test_ranks_of_equal_scores_are_a_permutation() -> None:
    """Nobody shares a place, so a constant score cannot win by standing first everywhere."""
    scores, ties = np.zeros(50, dtype=np.float32), np.random.default_rng(1).permutation(50).astype(np.uint64)
    ranks = [rank_of(scores, row, np.empty(0, dtype=np.intp), ties) for row in range(50)]
    assert ranks == ties.astype(int).tolist()
