"""What makes the lists of each combination of variants."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic import make_policy

from core.errors import InvalidInput
from recommender.experiment import Experiment
from recommender.experiments.arms import MAX_ARMS, ServedArms
from recommender.experiments.definition import LayeredExperiment
from recommender.policy import Policy

BASE = make_policy(exploration=0.1)
OTHER = make_policy(exploration=0.2)


def make(name: str, layer: str, **treatment: Any) -> LayeredExperiment:
    variants = {"control": {"share": 0.5}, "b": {"share": 0.5, **treatment}}
    return LayeredExperiment.of({"name": name, "layer": layer, "variants": variants}, "test.toml")


def served(*running: LayeredExperiment, base: Policy = BASE) -> ServedArms:
    return ServedArms(Experiment(), {"control": base}, running, {"other": OTHER}.__getitem__)


def test_without_experiments_the_arms_are_those_of_before() -> None:
    arms = served()
    assert {name: (arm.release, arm.policy, arm.share) for name, arm in arms.arms.items()} == {
        "control": ("production", BASE, 1.0)
    }
    assert arms.of(7) == ("control", "control")


def test_each_combination_has_what_its_variants_change_and_nothing_else() -> None:
    arms = served(make("sizes", "one", overrides={"two_tower": {"k": 7}}), make("new", "two", release="staging", exploration=0.3))
    assert len(arms.arms) == 9
    both = arms.arms["control+new:b+sizes:b"]
    assert (both.release, both.share) == ("staging", pytest.approx(0.25))
    assert both.policy == BASE.exploring(0.3).overridden({"two_tower": {"k": 7}}, "test")
    assert arms.arms["control+new:control+sizes:control"].policy.id == arms.arms["control"].policy.id == BASE.id
    assert arms.aliases == ("production", "staging")
    assert {arms.of(user).name for user in range(1, 200)} == {name for name in arms.arms if name.count("+") == 2}


def test_a_policys_file_is_changed_further_by_its_own_variant() -> None:
    arms = served(make("file", "one", policy="other", overrides={"popular": {"k": 9}}))
    assert arms.arms["control+file:b"].policy == OTHER.overridden({"popular": {"k": 9}}, "test")


def test_a_forced_variant_has_the_same_lists_under_a_marked_name() -> None:
    arms = served(make("new", "one", release="staging"))
    assert arms.of(7, {"new": "b"}) == ("control+new:b", "control+new:b!")


@pytest.mark.parametrize(
    ("treatment", "said"),
    [
        ({"overrides": {"nothing": {"k": 7}}}, "nothing"),
        ({"overrides": {"two_tower": {"k": -7}}}, "source.0.two_tower.k"),
        ({"overrides": {"two_tower": {"size": 7}}}, "source.0.two_tower.size"),
        ({"overrides": {"two_tower": {"part": "popular"}}}, "overrides.two_tower.part"),
    ],
    ids=str,
)
def test_overrides_that_do_not_fit_the_policy_are_refused_by_name(treatment: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match="experiment wrong") as caught:
        served(make("wrong", "one", **treatment))
    assert said in caught.value.detail


def test_exploration_needs_a_policy_that_explores() -> None:
    greedy = make_policy(selector={"part": "greedy"})
    with pytest.raises(InvalidInput, match="'epsilon'; allowed: a part that the policy test has once: two_tower, popular"):
        served(make("calm", "one", exploration=0.01), base=greedy)


def test_too_many_combinations_are_refused() -> None:
    many = [make(f"e{n}", f"layer{n}", overrides={"two_tower": {"k": 7}} if not n else {"popular": {"k": 5}}) for n in range(2)]
    assert len(served(*many).arms) == 9
    more = [make(f"f{n}", f"layer-f{n}", overrides={"two_tower": {f"x{n}": 7}}) for n in range(4)]
    with pytest.raises(InvalidInput, match=f"81; allowed: at most {MAX_ARMS}"):
        served(*more)
