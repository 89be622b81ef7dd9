"""Coverage, novelty, diversity and calibration by hand."""

import math

import numpy as np
import pytest

from evaluation.beyond import coverage, intra_list_diversity, miscalibration, novelty, popularity_shares

GENRES = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)


def rows(*lists: list[int]) -> np.ndarray:
    return np.array(lists, dtype=np.intp)


def test_coverage_counts_items_once() -> None:
    assert coverage(rows([0, 1], [1, -1]), 4) == 0.5
    assert coverage(rows([-1, -1]), 4) == 0


def test_novelty_is_surprise_in_bits() -> None:
    popularity = np.array([4.0, 2.0, 1.0, 0.0])  # counts as 4, 2, 1, 1 of 8
    assert novelty(rows([0, 1]), popularity) == pytest.approx((1 + 2) / 2)
    assert novelty(rows([2, 3]), popularity) == pytest.approx(3)
    assert novelty(rows([-1, -1]), popularity) == 0


def test_shares_by_popularity_have_the_most_popular_last() -> None:
    popularity = np.array([1.0, 9.0, 0.0, 5.0])
    assert popularity_shares(rows([1, 3], [1, -1]), popularity, groups=4).tolist() == pytest.approx([0, 0, 1 / 3, 2 / 3])
    assert popularity_shares(rows([2, 0]), popularity, groups=2).tolist() == [1, 0]
    assert popularity_shares(rows([0, 1, 2]), np.array([3.0, 2.0, 1.0])).sum() == pytest.approx(1)  # fewer items than groups
    assert popularity_shares(rows([-1]), popularity).tolist() == [0] * 10


def test_diversity_is_the_mean_distance_of_pairs() -> None:
    half = 1 - 1 / math.sqrt(2)
    assert intra_list_diversity(rows([0, 1]), GENRES) == pytest.approx(1)
    assert intra_list_diversity(rows([0, 0]), GENRES) == pytest.approx(0, abs=1e-6)
    assert intra_list_diversity(rows([0, 1, 2]), GENRES) == pytest.approx((1 + half + half) / 3)
    assert intra_list_diversity(rows([0, 3]), GENRES) == pytest.approx(1), "no genres: unlike everything"
    assert intra_list_diversity(rows([0, -1], [0, 1]), GENRES) == pytest.approx(1), "a list of one has no pairs"
    assert intra_list_diversity(rows([0, -1]), GENRES) == 0


def test_a_list_as_the_history_is_calibrated() -> None:
    assert miscalibration(rows([0, 1]), [np.array([1, 0])], GENRES) == pytest.approx(0, abs=1e-9)
    one_sided = miscalibration(rows([0, 0]), [np.array([0, 1])], GENRES)
    assert one_sided == pytest.approx(0.5 * math.log(0.5 / 0.995) + 0.5 * math.log(0.5 / 0.005))
    assert miscalibration(rows([-1, -1]), [np.array([0])], GENRES) == 0
    assert miscalibration(rows([0, 1]), [np.array([], dtype=int)], GENRES) == 0
