"""The estimators' identities, their formulas on numbers that can be checked by hand, and the truth of a bandit."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from bandit import CHANCE, TRUTH, Floats, Logged, play

from core.errors import InvalidInput
from evaluation.intervals import bootstrap, empirical_bernstein
from evaluation.ope import doubly_robust as dr
from evaluation.ope import slates, weighting
from evaluation.ope.reward_model import ModelConfig, fit
from evaluation.ope.support import Unsupported

Values = Callable[[Logged], Floats]


def modelled(weights_of: Callable[[Floats], Floats], robust: bool = False) -> Values:
    def values(found: Logged) -> Floats:
        importance = dr.mrdr_importance(found.weights, found.logged) if robust else None
        model = fit(found.shown, found.evaluated, found.rewards, found.users, importance=importance)
        weights = weights_of(found.weights)
        robustly = dr.doubly_robust(weights, found.rewards, model.predicted, model.expected)
        return robustly + model.coefficient_error(weights, found.rewards)

    return values


ESTIMATORS: dict[str, Values] = {
    "IPS": lambda one: weighting.ips(one.weights, one.rewards),
    "SNIPS": lambda one: weighting.snips(one.weights, one.rewards),
    "clipped IPS": lambda one: weighting.clipped_ips(one.weights, one.rewards, 100.0),
    "DM": modelled(lambda weights: 0.0 * weights),
    "DR": modelled(lambda weights: weights),
    "switch-DR": modelled(lambda weights: dr.switched(weights, 3.0)),
    "DRos": modelled(lambda weights: dr.shrunk(weights, 100.0)),
    "MRDR": modelled(lambda weights: weights, robust=True),
    "IIPS": lambda one: slates.item_position_ips(one.weights[:, None], one.rewards[:, None]),
    "RIPS": lambda one: slates.reward_interaction_ips(one.weights[:, None], one.rewards[:, None]),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_reward_is_exactly_nothing(name: str) -> None:
    found = play(500, 1, 0.0 * CHANCE)
    assert not found.rewards.any()
    assert (ESTIMATORS[name](found) == 0).all()


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in ("DM", "DR", "switch-DR", "DRos", "MRDR")])
def test_the_logging_policy_earns_the_mean_reward(name: str) -> None:
    found = play(500, 2)
    same = Logged(np.ones(500), found.rewards, found.logged, found.users, found.shown, found.shown)
    np.testing.assert_array_equal(ESTIMATORS[name](same), found.rewards)


@pytest.mark.parametrize("name", ["DR", "switch-DR", "MRDR"])
def test_doubly_robust_gives_the_logging_policy_each_reward_again(name: str) -> None:
    """With what was shown in the place of the mean over what would be: the gain is exactly 0, whatever the model."""
    found = play(500, 2)
    same = Logged(np.ones(500), found.rewards, found.logged, found.users, found.shown, found.shown)
    np.testing.assert_allclose(ESTIMATORS[name](same), found.rewards, atol=1e-12)


def test_the_family_of_doubly_robust_estimators_meets_at_its_ends() -> None:
    found = play(400, 3)
    model = fit(found.shown, found.evaluated, found.rewards, found.users)
    whole = dr.doubly_robust(found.weights, found.rewards, model.predicted, model.expected)

    def value(weights: Floats) -> Floats:
        return dr.doubly_robust(weights, found.rewards, model.predicted, model.expected)

    np.testing.assert_array_equal(value(dr.switched(found.weights, 0.0)), model.expected)
    np.testing.assert_array_equal(value(dr.shrunk(found.weights, 0.0)), model.expected)
    np.testing.assert_array_equal(value(dr.switched(found.weights, math.inf)), whole)
    np.testing.assert_array_equal(value(dr.shrunk(found.weights, math.inf)), whole)
    np.testing.assert_allclose(value(dr.shrunk(found.weights, 1e12)), whole, rtol=1e-6)
    for shrinkage in (0.0, 1.0, math.inf):  # the linearised error moves the interval, not the estimate
        error = model.coefficient_error(dr.shrunk(found.weights, shrinkage), found.rewards)
        assert error.mean() == pytest.approx(0.0, abs=1e-12)


W, R, Q, V = np.array([2.0, 0.5]), np.array([1.0, 0.0]), np.array([0.4, 0.2]), np.array([0.5, 0.3])


def test_formulas_on_two_rows() -> None:
    assert weighting.ips(W, R).tolist() == [2.0, 0.0]
    assert weighting.snips(W, R).mean() == pytest.approx(2.0 / 2.5)
    assert weighting.clipped_ips(W, R, 1.5).tolist() == [1.5, 0.0]
    np.testing.assert_allclose(dr.doubly_robust(W, R, Q, V), [0.5 + 2 * 0.6, 0.3 - 0.5 * 0.2])
    assert dr.switched(W, 1.0).tolist() == [0.0, 0.5]
    np.testing.assert_allclose(dr.shrunk(W, 4.0), [8 / 8, 2 / 4.25])
    assert dr.shrunk(np.array([2.0, 100.0]), 4.0).max() == 1.0  # the root of 4, halved
    # of a policy that is certain, (1 - p) / p^2: Farajtabar et al., equation of the deterministic case
    np.testing.assert_allclose(dr.mrdr_importance(1 / np.array([0.5, 0.2]), np.array([0.5, 0.2])), [0.5 / 0.25, 0.8 / 0.04])


def test_slate_formulas_on_two_lists() -> None:
    weights, rewards = np.array([[2.0, 0.5], [1.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert slates.whole_list(weights).tolist() == [1.0, 3.0]
    assert slates.item_position_ips(weights, rewards).tolist() == [2.0, 3.0]
    # down to position 1: weights 2, 1; down to position 2: 1, 3. Normalised: 2 / 3 and 3 / 4
    assert slates.reward_interaction_ips(weights, rewards).mean() == pytest.approx(2 / 3 + 3 / 4)
    predicted, expected = np.array([[0.4, 0.2], [0.1, 0.3]]), np.array([0.5, 0.6])
    found = slates.cascade_dr(weights, rewards, predicted, expected)
    np.testing.assert_allclose(found, [0.5 + 2 * 0.6 - 1 * 0.2, 0.6 - 1 * 0.1 + 3 * 0.7])


def test_a_policy_that_shows_nothing_of_the_logs_has_no_normalised_value() -> None:
    with pytest.raises(Unsupported, match="mean weight"):
        weighting.snips(np.zeros(3), np.ones(3))


def test_cross_fitting_never_asks_a_user_about_themselves() -> None:
    """Each user's reward is their own number, which only a model that has seen them could know."""
    users = np.repeat(np.arange(40), 5)
    own = np.eye(40)[users]
    rewards = np.random.default_rng(0).random(40)[users]
    model = fit(own, own, rewards, users, ModelConfig(ridge=1e-6))
    assert abs(np.corrcoef(model.predicted, rewards)[0, 1]) < 0.5
    assert model.predicted.std() < 0.1 * rewards.std()
    with pytest.raises(InvalidInput, match="users is 1"):
        fit(own[:5], own[:5], rewards[:5], users[:5])


def test_the_model_splits_a_list_into_its_positions() -> None:
    rng = np.random.default_rng(1)
    places = rng.random((300, 4, 3))
    model = fit(
        places.sum(axis=1), places.sum(axis=1), places.sum(axis=1) @ [1.0, 2.0, -1.0], np.arange(300), ModelConfig(ridge=1e-9)
    )
    np.testing.assert_allclose(model.parts(places), places @ [1.0, 2.0, -1.0], atol=1e-6)


COVERED = [name for name in ESTIMATORS if name not in ("clipped IPS", "IIPS", "RIPS")]


@pytest.mark.slow
def test_intervals_cover_the_truth_at_the_nominal_rate() -> None:
    """95 % over 200 replications, within three binomial standard errors, of every estimator that claims it. The model can be
    right here, so that DM and what leans on it have no bias; clipping has one."""
    covered = dict.fromkeys([*COVERED, "Bernstein"], 0)
    for seed in range(200):
        found = play(900, 1000 + seed)
        for name in COVERED:
            interval = bootstrap(ESTIMATORS[name](found), found.users, 400, 0.95, seed)
            covered[name] += interval.low <= TRUTH <= interval.high
        bound = empirical_bernstein(weighting.ips(found.weights, found.rewards), found.users, 0.0, 4.0)
        covered["Bernstein"] += bound.low <= TRUTH <= bound.high
    error = (0.95 * 0.05 / 200) ** 0.5
    for name in COVERED:
        assert abs(covered[name] / 200 - 0.95) <= 3 * error, covered
    assert covered["Bernstein"] >= 195, covered


def test_the_bernstein_bound_is_the_published_one() -> None:
    """Users with one value each in [0, 1]: mean + sqrt(2 V ln(2/d) / n) + 7 ln(2/d) / (3 (n - 1)), each side with d = .025."""
    values = np.array([0.0, 1.0] * 500)
    found = empirical_bernstein(values, np.arange(1000), 0.0, 1.0)
    log = math.log(2 / 0.025)
    reach = math.sqrt(2 * values.var(ddof=1) * log / 1000) + 7 * log / (3 * 999)
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach))
    alone = empirical_bernstein(np.ones(5), np.zeros(5, dtype=np.int64), 0.0, 2.0)
    assert (alone.mean, alone.low, alone.high) == (1.0, 0.0, 2.0)
    assert empirical_bernstein(np.empty(0), np.empty(0, dtype=np.int64), 0.0, 1.0).high == 0.0


def test_lists_of_one_user_count_as_one() -> None:
    """A hundred copies of ten users tell no more than the ten do."""
    values, users = np.tile([0.0, 1.0], 5), np.arange(10)
    many = empirical_bernstein(np.repeat(values, 100), np.repeat(users, 100), 0.0, 1.0)
    few = empirical_bernstein(values, users, 0.0, 1.0)
    assert (many.low, many.high) == pytest.approx((few.low, few.high))
