"""What is chosen when a ranker is trained: trees that learned something, and the sources' order as far as it is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker import Ranker
from ranking.ranker_training import RankerConfig, train_ranker
from ranking.ranking_rows import MIN_HELD_OUT, ORDER_WEIGHTS, RankingRows
from ranking.source_features import ORDER_SCORE, RISING

F = len(CANDIDATE_FEATURES)
ORDER, YEAR = CANDIDATE_FEATURES.index(ORDER_SCORE), CANDIDATE_FEATURES.index("film_year")
SMALL = RankerConfig(trees=40, leaves=4, learning_rate=0.1, min_rows_per_leaf=20, threads=1)


def rows(queries: int, by: dict[int, float], noise: float = 0.0, size: int = 20, seed: int = 0) -> RankingRows:
    """The next item is the best by weighted features (by column) and what nobody knows of."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries, size, F)).astype(np.float32)
    merit = sum(weight * features[:, :, column] for column, weight in by.items()) + noise * rng.normal(size=(queries, size))
    relevant = merit == merit.max(axis=1, keepdims=True)
    return RankingRows.alike(CANDIDATE_FEATURES, features.reshape(-1, F), relevant.ravel().astype(np.int8), [size] * queries)


def trained(found: RankingRows, config: RankerConfig = SMALL) -> Ranker:
    return train_ranker(found, config, seed=0)


def test_the_sources_order_weighs_most_where_it_is_right_and_nothing_where_it_misleads() -> None:
    right, wrong = trained(rows(300, {ORDER: 1.0})), trained(rows(300, {YEAR: 1.0, ORDER: -1.0}))
    assert right.order_weight == max(ORDER_WEIGHTS)
    assert wrong.order_weight == 0.0


def test_the_sources_order_makes_up_for_what_few_queries_cannot_teach() -> None:
    """Noisy, and too few to learn much from: the trees alone lose more than half as much again."""
    few, later = rows(300, {ORDER: 1.0}, noise=1.0), rows(2000, {ORDER: 1.0}, noise=1.0, seed=7)
    ranker = trained(few)
    order = later.features[:, ORDER].astype(np.float64)
    trees = ranker.score(later.features) - ranker.order_weight * order
    lost = later.ndcg(order) - later.ndcg(trees)
    assert lost > 0.01
    assert later.ndcg(order) - later.ndcg(ranker.score(later.features).astype(np.float64)) < 0.6 * lost


def test_no_more_trees_than_help_are_kept() -> None:
    """Nothing can be learned: the fewest trees do least harm."""
    found = rows(400, {}, noise=1.0)
    assert trained(found).trees < SMALL.trees
    assert trained(rows(400, {YEAR: 1.0})).trees > SMALL.trees / 2


def test_few_queries_choose_nothing() -> None:
    ranker = trained(rows(MIN_HELD_OUT, {YEAR: 1.0}))
    assert (ranker.trees, ranker.order_weight) == (SMALL.trees, sorted(ORDER_WEIGHTS)[2])


def test_more_of_what_a_source_says_never_makes_a_candidate_worse() -> None:
    """Though the training queries say the opposite."""
    column = CANDIDATE_FEATURES.index("ease_score")
    ranker = trained(rows(300, {column: -1.0, YEAR: 0.5}))
    probe = np.zeros((50, F), dtype=np.float32)
    probe[:, column] = np.linspace(-3, 3, 50)
    assert (np.diff(ranker.score(probe)) >= 0).all()
    assert set(CANDIDATE_FEATURES) > RISING


def test_ndcg_is_that_of_the_relevant_candidate_and_ties_count_against_it() -> None:
    two = RankingRows.alike(CANDIDATE_FEATURES, np.zeros((6, F), np.float32), np.array([0, 1, 0, 0, 0, 1], np.int8), [3, 3])
    assert two.ndcg(np.array([3.0, 2.0, 1.0, 0.0, 0.0, 1.0])) == pytest.approx((1 / np.log2(3) + 1) / 2)
    assert two.ndcg(np.zeros(6)) == pytest.approx(1 / np.log2(4))
    deep = RankingRows.alike(CANDIDATE_FEATURES, np.zeros((12, F), np.float32), np.eye(12, dtype=np.int8)[11], [12])
    assert deep.ndcg(-np.arange(12.0)) == 0.0


@pytest.mark.parametrize("size", [3, 10, 40])
def test_a_sample_has_the_best_some_others_and_what_is_relevant(size: int) -> None:
    found = rows(30, {YEAR: 1.0}, size=size)
    order = found.features[:, ORDER]
    some = found.sampled(4, 6, np.random.default_rng(0))
    assert some.relevant.sum() == 30
    assert some.groups.min() >= min(size, 10)
    assert some.groups.max() <= min(size, 11)
    for start, own in zip(some.starts, np.split(order, 30), strict=True):
        kept: NDArray[np.float32] = some.features[start : start + some.groups[0], ORDER]
        assert np.isin(np.sort(own)[-4:], some.features[:, ORDER]).all()
        assert len(kept) >= min(size, 10)


def test_the_order_cannot_weigh_in_a_ranker_that_does_not_know_it() -> None:
    found = rows(60, {YEAR: 1.0})
    ranker = train_ranker(replace(found, names=("film_year",), features=found.features[:, [YEAR]]), SMALL, seed=0)
    assert ranker.order_weight == 0
    with pytest.raises(BundleCorrupt, match="order_score is none of its features"):
        Ranker.of(ranker._booster, 0.2)
