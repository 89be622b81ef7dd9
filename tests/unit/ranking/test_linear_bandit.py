"""The contextual bandit: a Bayesian linear regression, bounded steps, and lists that find out what is accepted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import InvalidInput
from ranking.linear_bandit import CONTEXT, SCORE, BanditConfig, LinearBandit, Posterior, contexts_of
from ranking.policies import ensemble
from ranking.published_posterior import PublishedPosterior, publish

D = len(CONTEXT)


def shown(n: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32)


def test_before_anything_is_learned_the_order_is_the_releases() -> None:
    prior, scores = Posterior.prior(), np.random.default_rng(3).normal(size=60).astype(np.float32)
    contexts = contexts_of(scores, shown(60), (*CONTEXT[1:], "unknown"), pool=50)
    certain = prior.thompson(contexts, models=1, spread=0.0)
    assert np.argsort(-certain[:, 0], kind="stable").tolist() == list(range(50)), "contexts are in the order of the scores"


def test_the_mean_is_the_ridge_regression_of_what_was_shown() -> None:
    """By hand: (X'X + ridge I)^-1 (X'(r - mean r) + ridge prior), without forgetting and with room for the step."""
    config = BanditConfig(ridge=7.0, forgetting=1.0, max_step=100.0, prior_weight=0.3)
    x, r = shown(400).astype(np.float64), (np.random.default_rng(1).random(400) < 0.3).astype(np.float64)
    bandit = LinearBandit(config)
    bandit.learn(x.astype(np.float32), r)
    prior = np.where(np.array(CONTEXT) == SCORE, 0.3, 0.0)
    precision = x.T @ x + 7.0 * np.eye(D)
    expected = np.linalg.solve(precision, x.T @ (r - r.mean()) + 7.0 * prior)
    np.testing.assert_allclose(bandit.posterior().mean, expected, rtol=1e-4, atol=1e-7)


def test_thompson_draws_have_the_posteriors_mean_and_covariance_and_depend_on_the_version_alone() -> None:
    posterior = Posterior(7, np.arange(D) / 10, np.diag(np.arange(1.0, D + 1)))
    contexts = np.eye(D, dtype=np.float32)
    draws = posterior.thompson(contexts, models=20_000, spread=1.0)
    np.testing.assert_allclose(draws.mean(axis=1), posterior.mean, atol=0.1)
    np.testing.assert_allclose(np.cov(draws), posterior.covariance, atol=0.35)
    np.testing.assert_array_equal(draws, Posterior(7, posterior.mean, posterior.covariance).thompson(contexts, 20_000, 1.0))
    assert (draws != Posterior(8, posterior.mean, posterior.covariance).thompson(contexts, 20_000, 1.0)).any()


def test_the_upper_bound_is_mean_and_alpha_standard_deviations() -> None:
    posterior = Posterior(1, np.arange(D) / 10, np.diag(np.arange(1.0, D + 1)))
    found = posterior.upper(np.eye(D, dtype=np.float32), alpha=2.0)[:, 0]
    np.testing.assert_allclose(found, posterior.mean + 2.0 * np.sqrt(np.arange(1.0, D + 1)))


def test_a_version_is_at_most_a_step_from_the_one_before_and_what_is_old_is_forgotten() -> None:
    bandit = LinearBandit(BanditConfig(max_step=0.01, forgetting=0.99))
    before = Posterior.prior().mean
    for seed in range(5):
        x = shown(200, seed)
        bandit.learn(x, (x[:, 1] > 0).astype(np.float64))
        now = bandit.posterior()
        assert np.linalg.norm(now.mean - before) <= 0.01 + 1e-12
        before = now.mean
    free = LinearBandit(BanditConfig(max_step=10.0, forgetting=0.99))
    for sign in (1, -1):
        for seed in range(20):
            x = shown(100, seed)
            free.learn(x, (sign * x[:, 2] > 0).astype(np.float64))
    assert free.posterior().mean[2] < -0.1, "what was true first counts no more"


def test_contexts_are_standardised_over_the_pool_and_what_is_not_attached_is_zero() -> None:
    scores = np.array([3.0, 1.0, 2.0, -50.0], dtype=np.float32)
    features = np.array([[5.0], [7.0], [9.0], [1000.0]], dtype=np.float32)
    found = contexts_of(scores, features, ("rating_mean",), pool=3)
    assert found.shape == (3, D)
    np.testing.assert_allclose(found[:, CONTEXT.index("rating_mean")], [-(1.5**0.5), 1.5**0.5, 0.0], atol=1e-6)
    assert (np.delete(found, [0, CONTEXT.index("rating_mean")], axis=1) == 0).all()
    assert contexts_of(scores[:0], features[:0], ("rating_mean",), pool=3).shape == (0, D)


@pytest.mark.parametrize("by", ["thompson", "upper_bound"])
def test_it_finds_out_what_is_accepted_against_the_releases_own_score(by: str) -> None:
    """Acceptance depends on the third feature alone, and the release's score is noise: its order earns the mean."""
    bandit, rng = LinearBandit(BanditConfig(max_step=1.0)), np.random.default_rng(0)
    posterior, earned = Posterior.prior(), []
    for request in range(600):
        scores, features = rng.normal(size=40).astype(np.float32), rng.normal(size=(40, 2)).astype(np.float32)
        contexts = contexts_of(scores, features, (CONTEXT[2], CONTEXT[3]), pool=40)
        votes = posterior.thompson(contexts, 50, 1.0) if by == "thompson" else posterior.upper(contexts, 1.0)
        index = ensemble.choose(scores, 5, votes, 0.05, 40, seed=request).index
        place = np.argsort(np.argsort(-scores, kind="stable"), kind="stable")[index]
        chances = np.clip(0.2 + 0.15 * features[index, 0], 0, 1)
        answers = (rng.random(5) < chances).astype(np.float64)
        bandit.learn(contexts[place], answers)
        posterior = bandit.posterior() if request % 10 == 9 else posterior
        earned.append(chances.mean())
    assert np.mean(earned[-100:]) > 0.35 > 0.05 + np.mean(earned[:10])


def test_published_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    bandit = LinearBandit()
    bandit.learn(shown(50), np.ones(50))
    posterior = bandit.posterior()
    followed = PublishedPosterior(tmp_path / "posterior.parquet")
    assert followed.look() is None
    publish(tmp_path / "posterior.parquet", posterior, bandit.evidence)
    found = followed.look()
    assert found is not None
    assert found.version == posterior.version == 1
    np.testing.assert_array_equal(found.mean, posterior.mean)
    np.testing.assert_array_equal(found.covariance, posterior.covariance)
    assert followed.look() is None, "nothing new"


def test_another_process_goes_on_where_the_first_one_stopped(tmp_path: Path) -> None:
    first, second, path = LinearBandit(), LinearBandit(), tmp_path / "posterior.parquet"
    x = shown(400)
    rewards = (x[:, 2] > 1).astype(np.float64)
    first.learn(x[:200], rewards[:200])
    publish(path, first.posterior(), first.evidence)
    learned = PublishedPosterior(path).learned()
    assert learned is not None
    second.resume(*learned)
    for bandit in (first, second):
        bandit.learn(x[200:], rewards[200:])
    ahead, behind = first.posterior(), second.posterior()
    assert behind.version == ahead.version == 2
    np.testing.assert_array_equal(behind.mean, ahead.mean)
    np.testing.assert_array_equal(behind.covariance, ahead.covariance)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidInput, match="forgetting"):
        BanditConfig(forgetting=1.5)
