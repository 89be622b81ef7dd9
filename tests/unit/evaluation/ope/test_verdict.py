"""The verdict: what is concluded, what is refused and why, and how many impressions are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bandit import CHANCE, play

from core.errors import InvalidInput
from evaluation.ope.doubly_robust import doubly_robust
from evaluation.ope.reward_model import fit
from evaluation.ope.support import Support, Unsupported, check, check_propensities, support_of
from evaluation.ope.verdict import Answer, VerdictConfig, verdict

ENOUGH = Support(
    lists=1000, users=200, impressions=10_000, effective=600.0, mean_weight=1.0, max_weight=5.0, weight_share=0.005,
    clipped=0.0, impossible=0.05, unseen=0.0, reproduced=1.0,
)  # fmt: skip
USERS = np.repeat(np.arange(200), 5)


def rewards(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(1000) < 0.3).astype(np.float64)


@pytest.mark.parametrize(("gain", "expected"), [(0.1, Answer.BETTER), (-0.1, Answer.WORSE), (0.0, Answer.CANNOT_TELL)])
def test_the_interval_of_the_gain_decides(gain: float, expected: Answer) -> None:
    noise = np.random.default_rng(1).normal(0, 0.5, 1000)
    found = verdict(rewards() + gain + noise - noise.mean(), rewards(), USERS, ENOUGH)
    assert found.answer is expected
    assert found.gain is not None
    assert found.gain.mean == pytest.approx(gain)
    assert (found.more_impressions is None) == (expected is not Answer.CANNOT_TELL)


def test_the_same_policy_is_neither_better_nor_worse_however_many_more_there_are() -> None:
    found = verdict(rewards(), rewards(), USERS, ENOUGH)
    assert (found.answer, found.more_impressions) == (Answer.CANNOT_TELL, None)
    assert "do the same" in found.line()


def test_as_many_more_impressions_as_asked_for_tell_a_gain_that_matters() -> None:
    """A gain of five per cent of .3, told in four of five runs of the size that was asked for."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.4, 1000)
    asked = verdict(rewards() + noise - noise.mean(), rewards(), USERS, ENOUGH).more_impressions
    assert asked is not None
    lists = round((10_000 + asked) / 10)
    told, runs = 0, 60
    for _ in range(runs):
        zero = np.zeros(lists)
        gains = 0.05 * rewards().mean() + rng.normal(0, 0.4, lists)
        told += verdict(gains, zero, np.arange(lists), ENOUGH, VerdictConfig(draws=300)).answer is Answer.BETTER
    assert 0.6 <= told / runs <= 0.95


@pytest.mark.slow
def test_a_policy_that_earns_the_same_gets_a_verdict_at_the_nominal_rate() -> None:
    """Whatever is chosen is accepted alike: 200 logs, one in twenty of which may say otherwise, within three standard errors."""
    wrong = 0
    for seed in range(200):
        found = play(600, seed, np.full_like(CHANCE, 0.4))
        model = fit(found.shown, found.evaluated, found.rewards, found.users)
        values = doubly_robust(found.weights, found.rewards, model.predicted, model.expected)
        answer = verdict(values, found.rewards, found.users, ENOUGH, VerdictConfig(draws=300)).answer
        wrong += answer is not Answer.CANNOT_TELL
    assert wrong <= 200 * 0.05 + 3 * (200 * 0.05 * 0.95) ** 0.5


@pytest.mark.parametrize(
    ("change", "field", "more"),
    [
        ({"lists": 100}, "lists", 10_000),
        ({"users": 15}, "users", 10_000),
        ({"effective": 25.0}, "effective sample size", 30_000),
        ({"weight_share": 0.1}, "share of the largest weight", 10_000),
        ({"impossible": 0.9}, "impressions of probability 0", None),
        ({"unseen": 0.5}, "lists that cannot be logged", None),
        ({"reproduced": 0.1}, "reproduced lists", None),
    ],
)
def test_what_the_logs_do_not_support_is_refused_and_said(change: dict[str, float], field: str, more: int | None) -> None:
    thin = replace(ENOUGH, **change)  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match=field) as refused:
        check(thin)
    found = verdict(rewards() + 1.0, rewards(), USERS, thin)
    assert (found.answer, found.gain, found.why) == (Answer.CANNOT_TELL, None, refused.value.detail)
    assert found.more_impressions == more


def test_support_is_counted() -> None:
    evaluated = np.array([[0.5, 0.0], [0.5, 1.0], [0.0, 0.0]])
    shown = np.array([[True, True], [True, True], [True, False]])
    found = support_of(np.array([0.0, 3.0, 1.0]), evaluated, shown, np.array([1, 1, 2]), clip=2.0)
    assert (found.lists, found.users, found.impressions, found.impossible) == (3, 2, 5, 2 / 5)
    assert (found.effective, found.weight_share, found.clipped) == (16 / 10, 3 / 4, 1 / 3)
    nothing = support_of(np.zeros(2), np.zeros((2, 1)), np.ones((2, 1), dtype=bool), np.array([1, 2]), 2.0)
    assert (nothing.effective, nothing.weight_share, nothing.impossible) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("bad", [0.0, -0.5, 1.5, float("nan")])
def test_a_log_without_propensities_is_refused(bad: float) -> None:
    check_propensities(np.array([0.2, 1.0]))
    with pytest.raises(Unsupported, match="1 of 2 impressions"):
        check_propensities(np.array([0.2, bad]))


@pytest.mark.parametrize("change", [{"level": 1.0}, {"effect": 0.0}, {"power": -1.0}])
def test_a_verdict_without_a_level_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(change))):
        VerdictConfig(**change)  # type: ignore[arg-type]
