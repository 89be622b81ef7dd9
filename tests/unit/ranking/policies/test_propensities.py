"""Propensities of any list: what a policy said of the lists that it drew, and over all lists a probability distribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ranking.policies import ensemble, epsilon, greedy, plackett_luce
from ranking.policies.caps import Caps
from ranking.policies.choice import Choice
from ranking.policies.new_items import NewItems

Scores = NDArray[np.float32]
Choose = Callable[[Scores, int, int], Choice]
Propensities = Callable[[Scores, NDArray[np.intp]], NDArray[np.float32]]

FIVE = np.array([0.5, 0.4, 0.1, 0.0, -0.3], dtype=np.float32)
NEW = NewItems(np.array([1, 4]), np.array([1.0, 3.0]), 0.4)
# groups {0, 1, 2}, {1, 3} and {4}; the first may have two of a list
CAPS = Caps(np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.bool_), np.array([2, 1, 1]))
VOTES = np.random.default_rng(5).normal(size=(5, 7))  # of seven models
# everything is in one group that may have one: from the second position on it has to give way
TIGHT = Caps(np.ones((5, 1), dtype=np.bool_), np.array([1]))


def policies() -> dict[str, tuple[Choose, Propensities]]:
    """Every policy, with new items inside and outside its pool, with caps that bind, and with caps that give way."""

    def of_epsilon(**how: object) -> tuple[Choose, Propensities]:
        given = {"epsilon": 0.6, "pool": 3} | how
        return lambda s, k, seed: epsilon.choose(s, k, seed=seed, **given), lambda s, i: epsilon.propensities(s, i, **given)  # type: ignore[arg-type]

    def of_luce(**how: object) -> tuple[Choose, Propensities]:
        given = {"temperature": 0.8, "pool": 4} | how
        return (
            lambda s, k, seed: plackett_luce.choose(s, k, seed=seed, **given),  # type: ignore[arg-type]
            lambda s, i: plackett_luce.propensities(s, i, **given),  # type: ignore[arg-type]
        )

    def of_ensemble(**how: object) -> tuple[Choose, Propensities]:
        given = {"votes": VOTES[:4], "floor": 0.2, "pool": 4} | how
        return (
            lambda s, k, seed: ensemble.choose(s, k, seed=seed, **given),  # type: ignore[arg-type]
            lambda s, i: ensemble.propensities(s, i, **given),  # type: ignore[arg-type]
        )

    return {
        "ensemble": of_ensemble(),
        "ensemble, one": of_ensemble(votes=VOTES[:4, :1], floor=0.5),
        "ensemble, new": of_ensemble(new=NEW),
        "ensemble, caps": of_ensemble(new=NEW, caps=CAPS, votes=VOTES, pool=5),
        "ensemble, tight": of_ensemble(caps=TIGHT),
        "greedy": (lambda s, k, _: greedy.choose(s, k), greedy.propensities),
        "greedy, caps": (lambda s, k, _: greedy.choose(s, k, CAPS), lambda s, i: greedy.propensities(s, i, CAPS)),
        "epsilon": of_epsilon(),
        "epsilon, new": of_epsilon(new=NEW),
        "epsilon, slots": of_epsilon(new=NEW, slots=(1,)),
        "epsilon, caps": of_epsilon(new=NEW, caps=CAPS),
        "epsilon, tight": of_epsilon(new=NEW, caps=TIGHT),
        "luce": of_luce(),
        "luce, whole": of_luce(pool=10),
        "luce, new": of_luce(new=NEW),
        "luce, caps": of_luce(new=NEW, caps=CAPS),
        "luce, tight": of_luce(new=NEW, caps=TIGHT, pool=3),
    }


@pytest.mark.parametrize("name", policies())
def test_the_probabilities_of_all_lists_sum_to_one_and_are_what_happens(name: str) -> None:
    """All 60 lists of three of five candidates, against 2,000 fixed seeds."""
    choose, propensities = policies()[name]
    expected = {places: float(np.prod(propensities(FIVE, np.array(places)))) for places in permutations(range(5), 3)}
    assert sum(expected.values()) == pytest.approx(1.0, abs=1e-5)
    draws, seen = 2_000, Counter[tuple[int, ...]]()
    for seed in range(draws):
        chosen = choose(FIVE, 3, seed)
        np.testing.assert_array_equal(propensities(FIVE, chosen.index), chosen.propensities)  # bit for bit
        seen[tuple(chosen.index.tolist())] += 1
    for places, probability in expected.items():
        assert abs(seen[places] / draws - probability) <= 5 * (probability * (1 - probability) / draws) ** 0.5 + 1e-9, places


@pytest.mark.parametrize("name", policies())
@given(seed=st.integers(0, 2**64 - 1), short=st.integers(0, 5), more=st.integers(0, 3))
def test_a_longer_list_begins_with_the_shorter_one_and_nothing_comes_twice(name: str, seed: int, short: int, more: int) -> None:
    choose, _ = policies()[name]
    first, longer = choose(FIVE, short, seed), choose(FIVE, short + more, seed)
    for column in ("index", "propensities", "explored"):
        np.testing.assert_array_equal(getattr(longer, column)[:short], getattr(first, column))
    assert len(set(longer.index.tolist())) == len(longer.index) == min(short + more, 5)
    assert ((longer.propensities > 0) & (longer.propensities <= 1)).all()


@pytest.mark.parametrize("name", policies())
def test_what_is_no_candidate_has_probability_0_and_the_rest_of_the_list_goes_on_without_it(name: str) -> None:
    choose, propensities = policies()[name]
    chosen = choose(FIVE, 1, 3)
    found = propensities(FIVE, np.array([*chosen.index, -1, *chosen.index]))
    assert found[0] == chosen.propensities[0]
    assert found[1:].tolist() == [0.0, 0.0], "not a candidate, and in the list already"


@pytest.mark.parametrize("name", ["greedy, caps", "epsilon, caps", "luce, caps", "ensemble, caps"])
@given(seed=st.integers(0, 2**64 - 1))
def test_no_cap_is_exceeded_while_something_else_is_left(name: str, seed: int) -> None:
    choose, _ = policies()[name]
    chosen = choose(FIVE, 5, seed)
    within = chosen.index[: 5 - chosen.over_cap]
    assert (CAPS.member[within].sum(axis=0) <= CAPS.most).all()
    assert 1 <= chosen.over_cap <= 2, "of five candidates three or four fit"


def test_a_cap_that_leaves_nothing_gives_way_and_says_at_how_many_positions() -> None:
    assert greedy.choose(FIVE, 3, TIGHT).over_cap == 2
    assert greedy.choose(FIVE, 3, TIGHT).index.tolist() == [0, 1, 2]


def test_only_slots_explore() -> None:
    for seed in range(200):
        chosen = epsilon.choose(FIVE, 4, 0.99, 5, seed, slots={2})
        assert chosen.explored.tolist()[:2] == [False, False]
        assert chosen.index[:2].tolist() == [0, 1]
        assert chosen.propensities[[0, 1, 3]].tolist() == [1.0, 1.0, 1.0]


def test_the_temperature_goes_from_greedy_to_even_and_does_not_depend_on_the_scale_of_scores() -> None:
    index = np.array([0, 1, 2])
    cold = plackett_luce.propensities(FIVE, index, temperature=0.01, pool=5)
    warm = plackett_luce.propensities(FIVE, index, temperature=100.0, pool=5)
    np.testing.assert_allclose(cold, [1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(warm, [1 / 5, 1 / 4, 1 / 3], rtol=0.02)
    scaled = plackett_luce.propensities(FIVE * np.float32(8.0) + np.float32(4.0), index, temperature=0.5, pool=5)
    np.testing.assert_allclose(scaled, plackett_luce.propensities(FIVE, index, temperature=0.5, pool=5), rtol=1e-5)


def test_scores_without_a_spread_are_drawn_evenly() -> None:
    even = plackett_luce.propensities(np.ones(4, dtype=np.float32), np.arange(4), temperature=0.2, pool=4)
    np.testing.assert_allclose(even, [1 / 4, 1 / 3, 1 / 2, 1.0])


def test_plackett_luce_by_hand() -> None:
    """Scores log 1, log 2, log 3 over a spread that the temperature takes out again."""
    found = np.log(np.array([1.0, 2.0, 3.0], dtype=np.float32))
    temperature = 1.0 / float(found.astype(np.float64).std())
    chances = plackett_luce.propensities(found, np.array([1, 2, 0]), temperature, pool=3)
    np.testing.assert_allclose(chances, [2 / 6, 3 / 4, 1.0], rtol=1e-6)
