"""Selection: exactly k, in order, reproducible, and with propensities that are the true probabilities."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from core.errors import InvalidInput
from core.pipeline import Candidates, Query
from ranking.selectors import EpsilonSelector, GreedySelector


def query(k: int, seed: int = 0) -> Query:
    return Query("r", 1, k, now=0.0, seed=seed)


def candidates(*scores: float) -> Candidates:
    """Row r has the r-th score; features tell rows apart after reordering."""
    n = len(scores)
    features = np.arange(n, dtype=np.float32)[:, None]
    return Candidates(np.arange(n) + 100, np.array(scores, dtype=np.float32), np.zeros(n, dtype=np.int8), features)


def many(n: int) -> Candidates:
    return candidates(*np.random.default_rng(n).normal(size=n).tolist())


def probability_of(places: tuple[int, ...], pool: int, epsilon: float) -> tuple[float, list[float]]:
    """Of a list of ranks: its probability, and that of each choice given those above; by following the definition."""
    remaining, factors = list(range(pool)), []
    for place in places:
        explored = epsilon / len(remaining)
        factors.append(explored + (1 - epsilon if place == remaining[0] else 0.0))
        remaining.remove(place)
    return float(np.prod(factors)), factors


def test_greedy_takes_the_best_and_is_certain() -> None:
    chosen = GreedySelector().select(query(3), candidates(0.1, 0.9, 0.5, 0.9))
    assert chosen.rows.tolist() == [101, 103, 102], "ties keep their order"
    assert chosen.scores.tolist() == pytest.approx([0.9, 0.9, 0.5])
    assert chosen.propensities is not None
    assert chosen.propensities.tolist() == [1, 1, 1]


@pytest.mark.parametrize("epsilon", [0.2, 0.5, 0.95])
def test_the_probabilities_of_all_lists_sum_to_one_and_are_what_happens(epsilon: float) -> None:
    """All 60 lists of 3 from a pool of 5, against 20,000 fixed seeds; the sixth candidate is outside the pool."""
    selector, found = EpsilonSelector(epsilon, pool=5), candidates(0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    expected = {places: probability_of(places, 5, epsilon) for places in permutations(range(5), 3)}
    assert sum(probability for probability, _ in expected.values()) == pytest.approx(1.0)
    draws = 20_000
    seen: Counter[tuple[int, ...]] = Counter()
    for seed in range(draws):
        chosen = selector.select(query(3, seed), found)
        places = tuple((chosen.rows - 100).tolist())
        seen[places] += 1
        assert chosen.propensities is not None
        np.testing.assert_allclose(chosen.propensities, expected[places][1], rtol=1e-6)
    for places, (probability, _) in expected.items():
        spread = (probability * (1 - probability) / draws) ** 0.5
        assert abs(seen[places] / draws - probability) < 5 * spread, places


def test_inverse_propensity_weights_recover_the_mean_of_the_pool() -> None:
    """What the propensities are for: the mean reward of an even choice, estimated from lists that were not even."""
    rewards = np.array([1.0, 0.0, 4.0, 2.0])
    selector, found = EpsilonSelector(0.5, pool=4), candidates(4, 3, 2, 1)
    estimates = []
    for seed in range(20_000):
        first = selector.select(query(1, seed), found)
        assert first.propensities is not None
        estimates.append(rewards[first.rows[0] - 100] / 4 / first.propensities[0])
    assert np.mean(estimates) == pytest.approx(rewards.mean(), abs=0.06)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("k", [1, 5, 20, 50])
@pytest.mark.parametrize("pool", [1, 10, 200])
def test_exactly_k_and_never_one_twice(epsilon: float, k: int, pool: int) -> None:
    for seed in range(20):
        chosen = EpsilonSelector(epsilon, pool).select(query(k, seed), many(60))
        assert len(set(chosen.rows.tolist())) == len(chosen) == k
        assert chosen.propensities is not None
        assert ((chosen.propensities > 0) & (chosen.propensities <= 1)).all()


@pytest.mark.parametrize("selector", [GreedySelector(), EpsilonSelector(0.5, 10)], ids=["greedy", "epsilon"])
def test_fewer_candidates_than_asked_are_all_shown(selector: GreedySelector | EpsilonSelector) -> None:
    assert sorted(selector.select(query(10), many(3)).rows.tolist()) == [100, 101, 102]
    nothing = many(3).take(np.empty(0, dtype=np.intp))
    chosen = selector.select(query(10), nothing)
    assert len(chosen) == 0
    assert chosen.propensities is not None
    assert len(chosen.propensities) == 0


def test_the_seed_of_the_query_decides() -> None:
    selector, found = EpsilonSelector(0.9, 50), many(60)
    lists = [selector.select(query(10, seed), found).rows.tolist() for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


def test_without_exploration_it_is_greedy() -> None:
    for seed in range(10):
        exploring = EpsilonSelector(0.0, 20).select(query(8, seed), many(40))
        greedy = GreedySelector().select(query(8, seed), many(40))
        np.testing.assert_array_equal(exploring.rows, greedy.rows)
        np.testing.assert_array_equal(exploring.propensities, greedy.propensities)


def test_exploration_stays_in_the_pool() -> None:
    found = many(60)
    pool = set((np.argsort(-found.scores)[:6] + 100).tolist())
    for seed in range(200):
        assert set(EpsilonSelector(0.99, 6).select(query(4, seed), found).rows.tolist()) <= pool


def test_every_column_follows_its_row() -> None:
    found = many(30)
    chosen = EpsilonSelector(0.8, 30).select(query(10, 3), found)
    assert chosen.features is not None
    np.testing.assert_array_equal(chosen.features[:, 0] + 100, chosen.rows)
    np.testing.assert_array_equal(chosen.scores, found.scores[chosen.rows - 100])


@pytest.mark.parametrize("epsilon", [-0.1, 1.0, 1.5, float("nan")])
def test_an_epsilon_out_of_range_is_refused(epsilon: float) -> None:
    with pytest.raises(InvalidInput, match="exploration"):
        EpsilonSelector(epsilon, 10)


@pytest.mark.parametrize("pool", [0, -3])
def test_a_pool_of_nothing_is_refused(pool: int) -> None:
    with pytest.raises(InvalidInput, match=r"selector\.pool"):
        EpsilonSelector(0.1, pool)
