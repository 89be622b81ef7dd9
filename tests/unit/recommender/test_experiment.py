"""Assignment: stable for a user, true to its shares, independent between experiments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.experiment import Experiment

USERS = range(1, 20_001)
GOLDEN = "tctttcctcctctccc"  # first letters of the arms of users 1 to 16


NAN = {"a": float("nan")}


def test_everybody_is_in_the_control_arm_by_default() -> None:
    assert {Experiment().arm(user) for user in range(1, 100)} == {"control"}


def test_golden_assignment_does_not_change_between_versions() -> None:
    experiment = Experiment("ranker-2026", {"control": 0.5, "treatment": 0.5})
    assert "".join(experiment.arm(user)[0] for user in range(1, 17)) == GOLDEN


def test_shares_are_kept() -> None:
    experiment = Experiment("shares", {"a": 0.1, "b": 0.2, "c": 0.7})
    arms = [experiment.arm(user) for user in USERS]
    for arm, share in experiment.arms.items():
        # four standard deviations of a binomial proportion
        assert arms.count(arm) / len(arms) == pytest.approx(share, abs=4 * (share * (1 - share) / len(arms)) ** 0.5)


def test_experiments_with_different_names_are_independent() -> None:
    halves = {"a": 0.5, "b": 0.5}
    one, two = Experiment("one", halves), Experiment("two", halves)
    both = sum(one.arm(user) == two.arm(user) == "a" for user in USERS) / len(USERS)
    assert both == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / len(USERS)) ** 0.5)


def test_an_arm_without_a_share_gets_nobody() -> None:
    experiment = Experiment("empty", {"nobody": 0.0, "all": 1.0, "nor here": 0.0})
    assert {experiment.arm(user) for user in USERS[:2000]} == {"all"}


@given(user=st.integers(1, 2**53 - 1), cut=st.floats(0, 1))
def test_an_assignment_is_an_arm_and_repeats(user: int, cut: float) -> None:
    arms = {"a": cut, "b": 1 - cut}
    assert Experiment("any", arms).arm(user) == Experiment("any", dict(arms)).arm(user)
    assert Experiment("any", arms).arm(user) in arms


@pytest.mark.parametrize("arms", [{}, {"a": 0.5}, {"a": 0.6, "b": 0.6}, {"a": 1.5, "b": -0.5}, NAN], ids=str)
def test_shares_that_are_no_shares_are_refused(arms: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares of experiment 'bad'"):
        Experiment("bad", arms)
