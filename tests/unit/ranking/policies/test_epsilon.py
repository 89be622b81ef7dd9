"""Epsilon-greedy: exactly k, in order, reproducible, and with propensities that are the true probabilities."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ranking.policies import epsilon, greedy
from ranking.policies.choice import best
from ranking.policies.new_items import NewItems


def scores(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def many(n: int) -> NDArray[np.float32]:
    return np.random.default_rng(n).normal(size=n).astype(np.float32)


def probability_of(places: tuple[int, ...], pool: int, rate: float) -> tuple[float, list[float]]:
    """Of a list of ranks: its probability, and that of each choice given those above; by following the definition."""
    remaining, factors = list(range(pool)), []
    for place in places:
        explored = rate / len(remaining)
        factors.append(explored + (1 - rate if place == remaining[0] else 0.0))
        remaining.remove(place)
    return float(np.prod(factors)), factors


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.95])
def test_the_probabilities_of_all_lists_sum_to_one_and_are_what_happens(rate: float) -> None:
    """All 60 lists of 3 from a pool of 5, against 20,000 fixed seeds; the sixth candidate is outside the pool."""
    found = scores(0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    expected = {places: probability_of(places, 5, rate) for places in permutations(range(5), 3)}
    assert sum(probability for probability, _ in expected.values()) == pytest.approx(1.0)
    draws = 20_000
    seen: Counter[tuple[int, ...]] = Counter()
    for seed in range(draws):
        chosen = epsilon.choose(found, 3, rate, 5, seed)
        places = tuple(chosen.index.tolist())
        seen[places] += 1
        np.testing.assert_allclose(chosen.propensities, expected[places][1], rtol=1e-6)
    for places, (probability, _) in expected.items():
        spread = (probability * (1 - probability) / draws) ** 0.5
        assert abs(seen[places] / draws - probability) < 5 * spread, places


def test_inverse_propensity_weights_recover_the_mean_of_the_pool() -> None:
    """What the propensities are for: the mean reward of an even choice, estimated from lists that were not even."""
    rewards, found = np.array([1.0, 0.0, 4.0, 2.0]), scores(4, 3, 2, 1)
    estimates = []
    for seed in range(20_000):
        first = epsilon.choose(found, 1, 0.5, 4, seed)
        estimates.append(rewards[first.index[0]] / 4 / first.propensities[0])
    assert np.mean(estimates) == pytest.approx(rewards.mean(), abs=0.06)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("k", [1, 5, 20, 50])
@pytest.mark.parametrize("pool", [1, 10, 200])
def test_exactly_k_and_never_one_twice(rate: float, k: int, pool: int) -> None:
    for seed in range(20):
        chosen = epsilon.choose(many(60), k, rate, pool, seed)
        assert len(set(chosen.index.tolist())) == len(chosen.index) == k
        assert len(chosen.propensities) == len(chosen.explored) == k
        assert ((chosen.propensities > 0) & (chosen.propensities <= 1)).all()


def test_fewer_candidates_than_asked_are_all_shown() -> None:
    assert sorted(epsilon.choose(many(3), 10, 0.5, 10, 0).index.tolist()) == [0, 1, 2]
    nothing = epsilon.choose(many(0), 10, 0.5, 10, 0)
    assert len(nothing.index) == len(nothing.propensities) == len(nothing.explored) == 0


def test_the_seed_decides() -> None:
    lists = [epsilon.choose(many(60), 10, 0.9, 50, seed).index.tolist() for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


def test_without_exploration_it_is_greedy() -> None:
    for seed in range(10):
        exploring, certain = epsilon.choose(many(40), 8, 0.0, 20, seed), greedy.choose(many(40), 8)
        np.testing.assert_array_equal(exploring.index, certain.index)
        np.testing.assert_array_equal(exploring.propensities, certain.propensities)
        assert not exploring.explored.any()


def test_exploration_stays_in_the_pool() -> None:
    pool = set(best(many(60), 6).tolist())
    for seed in range(200):
        assert set(epsilon.choose(many(60), 4, 0.99, 6, seed).index.tolist()) <= pool


def test_beyond_the_pool_the_others_follow_in_order() -> None:
    order = best(many(60), 20).tolist()
    for seed in range(50):
        chosen = epsilon.choose(many(60), 20, 0.9, 6, seed)
        assert chosen.index[6:].tolist() == order[6:]
        assert chosen.propensities[6:].tolist() == [1.0] * 14
        assert not chosen.explored[6:].any()


@given(
    seed=st.integers(0, 2**64 - 1), n=st.integers(0, 40), k=st.integers(1, 40), rate=st.floats(0, 0.99), pool=st.integers(1, 30)
)
def test_explored_marks_exactly_what_was_not_the_best_that_remained(seed: int, n: int, k: int, rate: float, pool: int) -> None:
    chosen = epsilon.choose(many(n), k, rate, pool, seed)
    remaining = best(many(n), n).tolist()
    for index, explored in zip(chosen.index.tolist(), chosen.explored.tolist(), strict=True):
        assert explored == (index != remaining[0])
        remaining.remove(index)


@given(seed=st.integers(0, 2**64 - 1), short=st.integers(1, 40), more=st.integers(0, 40), pool=st.integers(1, 60))
def test_a_longer_list_begins_with_the_shorter_one(seed: int, short: int, more: int, pool: int) -> None:
    first, longer = (epsilon.choose(many(60), k, 0.6, pool, seed) for k in (short, short + more))
    for column in ("index", "propensities", "explored"):
        np.testing.assert_array_equal(getattr(longer, column)[: len(first.index)], getattr(first, column))


def with_new(share: float, *weights: float) -> NewItems:
    """New items behind a pool of three."""
    return NewItems(np.arange(3, 3 + len(weights)), np.array(weights), share)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_new_items_are_drawn_as_often_as_their_propensities_say(share: float) -> None:
    """Every list of two from a pool of three and two new items, one of which fits three times as well."""
    found, new, rate, draws = scores(0.6, 0.5, 0.4, -1.0, -2.0, -3.0), with_new(share, 3.0, 1.0), 0.5, 20_000
    seen: Counter[tuple[int, ...]] = Counter()
    said: dict[tuple[int, ...], tuple[float, ...]] = {}
    for seed in range(draws):
        chosen = epsilon.choose(found, 2, rate, 3, seed, new)
        places = tuple(chosen.index.tolist())
        seen[places] += 1
        assert said.setdefault(places, tuple(chosen.propensities.tolist())) == tuple(chosen.propensities.tolist())
    assert sum(float(np.prod(factors)) for factors in said.values()) == pytest.approx(1.0)
    assert said[3, 4] == pytest.approx((rate * share * 3 / 4, rate * share))
    assert said[0, 1] == pytest.approx((1 - rate + rate * (1 - share) / 3, 1 - rate + rate * (1 - share) / 2))
    for places, factors in said.items():
        probability = float(np.prod(factors))
        assert abs(seen[places] / draws - probability) < 5 * (probability * (1 - probability) / draws) ** 0.5, places


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_a_new_item_in_the_pool_keeps_its_part_of_the_exploration(share: float) -> None:
    """Lists of two from a pool of three whose first and last are new, beside a new one outside."""
    found, rate, draws = scores(0.6, 0.5, 0.4, -1.0, -2.0), 0.5, 20_000
    new = NewItems(np.array([0, 2, 3]), np.array([1.0, 2.0, 1.0]), share)
    seen: Counter[tuple[int, ...]] = Counter()
    said: dict[tuple[int, ...], tuple[float, ...]] = {}
    for seed in range(draws):
        chosen = epsilon.choose(found, 2, rate, 3, seed, new)
        places = tuple(chosen.index.tolist())
        seen[places] += 1
        said[places] = tuple(chosen.propensities.tolist())
        assert chosen.explored[0] == (places[0] != 0)
    assert sum(float(np.prod(factors)) for factors in said.values()) == pytest.approx(1.0)
    even = rate * (1 - share)
    assert said[0, 2] == pytest.approx((1 - rate + even / 3 + rate * share / 4, even / 2 + rate * share * 2 / 3))
    for places, factors in said.items():
        probability = float(np.prod(factors))
        assert abs(seen[places] / draws - probability) < 5 * (probability * (1 - probability) / draws) ** 0.5, places


def test_without_exploration_no_new_item_is_shown() -> None:
    assert epsilon.choose(many(10), 3, 0.0, 5, 1, with_new(0.5, 1.0)).index.tolist() == best(many(10), 3).tolist()


@pytest.mark.parametrize("k", [1, 3, 8, 20])
def test_with_new_items_exactly_k_and_a_longer_list_begins_with_the_shorter_one(k: int) -> None:
    new = NewItems(np.arange(12, 15), np.array([1.0, 2.0, 3.0]), 0.6)
    values = np.concatenate([many(12), np.full(3, -9, np.float32)])
    for seed in range(30):
        chosen, longer = (epsilon.choose(values, n, 0.8, 6, seed, new) for n in (k, k + 5))
        assert len(set(chosen.index.tolist())) == len(chosen.index) == min(k, 15)
        assert len(chosen.propensities) == len(chosen.explored) == len(chosen.index)
        assert longer.index[:k].tolist() == chosen.index.tolist()
        assert ((chosen.propensities > 0) & (chosen.propensities <= 1)).all()


@given(
    seed=st.integers(0, 2**64 - 1), n=st.integers(0, 40), k=st.integers(1, 40), rate=st.floats(0, 0.99), pool=st.integers(1, 30)
)
def test_the_propensities_of_a_list_are_those_that_it_was_made_with(seed: int, n: int, k: int, rate: float, pool: int) -> None:
    new = with_new(0.5, 1.0, 2.0) if n > 5 else epsilon.NOTHING_NEW
    chosen = epsilon.choose(many(n), k, rate, pool, seed, new)
    np.testing.assert_array_equal(epsilon.propensities(many(n), chosen.index, rate, pool, new), chosen.propensities)


def test_what_epsilon_cannot_show_has_propensity_zero_and_what_follows_is_given_it() -> None:
    found = epsilon.propensities(scores(4, 3, 2, 1), np.array([3, -1, 0, 1, 2]), 0.5, 2)
    # outside the pool, no candidate, the leader of two, the last of the pool, and the one behind it that is left
    np.testing.assert_allclose(found, [0.0, 0.0, 0.75, 1.0, 1.0])
