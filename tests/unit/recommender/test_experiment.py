"""Assignment: stable for a user, true to its shares, independent between experiments; and files that say something wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput, NotFound
from recommender.experiment import Arm, Experiment

USERS = range(1, 20_001)
GOLDEN = "tctttcctcctctccc"  # first letters of the arms of users 1 to 16


def with_shares(name: str, shares: dict[str, float]) -> Experiment:
    return Experiment.of({"name": name, "arms": {arm: {"share": share} for arm, share in shares.items()}}, "test.toml")


def test_everybody_is_in_the_control_arm_by_default() -> None:
    assert {Experiment().arm(user) for user in range(1, 100)} == {"control"}
    assert Experiment().arms == {"control": Arm(share=1.0, release="production", policy=None)}


def test_golden_assignment_does_not_change_between_versions() -> None:
    experiment = with_shares("ranker-2026", {"control": 0.5, "treatment": 0.5})
    assert "".join(experiment.arm(user)[0] for user in range(1, 17)) == GOLDEN


def test_shares_are_kept() -> None:
    experiment = with_shares("shares", {"a": 0.1, "b": 0.2, "c": 0.7})
    arms = [experiment.arm(user) for user in USERS]
    for name, arm in experiment.arms.items():
        # four standard deviations of a binomial proportion
        spread = (arm.share * (1 - arm.share) / len(arms)) ** 0.5
        assert arms.count(name) / len(arms) == pytest.approx(arm.share, abs=4 * spread)
    assert experiment.largest == "c"


def test_experiments_with_different_names_are_independent() -> None:
    halves = {"a": 0.5, "b": 0.5}
    one, two = with_shares("one", halves), with_shares("two", halves)
    both = sum(one.arm(user) == two.arm(user) == "a" for user in USERS) / len(USERS)
    assert both == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / len(USERS)) ** 0.5)


def test_an_arm_without_a_share_gets_nobody() -> None:
    experiment = with_shares("empty", {"nobody": 0.0, "all": 1.0, "nor here": 0.0})
    assert {experiment.arm(user) for user in USERS[:2000]} == {"all"}


@given(user=st.integers(1, 2**53 - 1), cut=st.floats(0, 1))
def test_an_assignment_is_an_arm_and_repeats(user: int, cut: float) -> None:
    arms = {"a": cut, "b": 1 - cut}
    assert with_shares("any", arms).arm(user) == with_shares("any", dict(arms)).arm(user)
    assert with_shares("any", arms).arm(user) in arms


def test_what_makes_the_lists_of_an_arm_is_part_of_it() -> None:
    file = {"name": "canary", "arms": {"old": {"share": 0.9}, "new": {"share": 0.1, "release": "staging", "policy": "default"}}}
    experiment = Experiment.of(file, "canary.toml")
    assert experiment.arms["new"] == Arm(share=0.1, release="staging", policy="default")
    assert experiment.arms["old"] == Arm(share=0.9, release="production", policy=None)


ARM = {"share": 1.0}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"arms": {}}, "arms"),
        ({"arms": {"a": {"share": 0.5}}}, "they must sum to 1"),
        ({"arms": {"a": {"share": 0.6}, "b": {"share": 0.6}}}, "they must sum to 1"),
        ({"arms": {"a": {"share": 1.5}, "b": {"share": -0.5}}}, "arms.a.share"),
        ({"arms": {"a": {"share": float("nan")}}}, "arms.a.share"),
        ({"arms": {"a": {"release": "production"}}}, "arms.a.share"),
        ({"arms": {"a": ARM | {"colour": "red"}}}, "arms.a.colour"),
        ({"arms": {"a": ARM | {"release": 3}}}, "arms.a.release"),
        ({"arms": {"a": 1.0}}, "arms.a"),
        ({"arms": 1.0}, "arms"),
        ({"arms": {"a": ARM}, "speed": 3}, "speed"),
        ({"name": "", "arms": {"a": ARM}}, "name"),
    ],
    ids=str,
)
def test_a_file_that_says_something_wrong_is_refused_by_name(file: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=r"bad\.toml") as caught:
        Experiment.of(file, "bad.toml")
    assert said in caught.value.detail


def test_the_files_that_ship_are_read_and_one_that_does_not_exist_is_named_with_them() -> None:
    assert Experiment.load("default").arms.keys() == {"control"}
    with pytest.raises(NotFound, match=r"'nothing'.*default"):
        Experiment.load("nothing")
