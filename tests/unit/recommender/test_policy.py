"""A policy is data: known by a hash of all that it says, and refused by name where it says something wrong."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import TypeAdapter
from synthetic import POPULAR, TWO_TOWER, make_policy

from core.errors import InvalidInput, NotFound
from core.settings import CONFIGS
from recommender.parts.registry import AnyFilter, AnyScorer, AnySelector, AnySource
from recommender.parts.scorers import LambdaMartConfig, RetrievalConfig
from recommender.parts.selectors import EpsilonConfig, GreedyConfig
from recommender.policy import Policy, pipeline_path

GOLDEN = "6bf09193a798"  # of the default pipeline with 5 % exploration: impressions in lakes carry it

BASE = make_policy()
CHANGES: list[dict[str, Any]] = [
    {"source": [TWO_TOWER | {"k": 201}, POPULAR]},
    {"source": [TWO_TOWER | {"timeout_ms": 99}, POPULAR]},
    {"source": [TWO_TOWER, POPULAR | {"fills": False}]},
    {"source": [POPULAR, TWO_TOWER]},
    {"source": [POPULAR]},
    {"filter": []},
    {"hydrator": [{"part": "candidate_features"}]},
    {"scorer": [{"part": "lambdamart"}]},
    {"scorer": []},
    {"selector": {"part": "epsilon", "epsilon": 0.01, "pool": 50}},
    {"selector": {"part": "epsilon", "epsilon": 0.0, "pool": 51}},
    {"selector": {"part": "greedy"}},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_any_setting_changes_the_id(change: dict[str, Any]) -> None:
    assert make_policy(**change).id != BASE.id


def test_every_changed_policy_has_an_id_of_its_own() -> None:
    assert len({make_policy(**change).id for change in CHANGES}) == len(CHANGES)


def test_the_name_does_not() -> None:
    assert make_policy(name="another").id == BASE.id == make_policy().id


def test_a_setting_left_out_is_its_default() -> None:
    spelled_out = {"part": "popular", "k": 200, "timeout_ms": 100, "fills": True}
    assert make_policy(source=[{"part": "popular"}]).id == make_policy(source=[spelled_out]).id


def test_the_id_is_stable() -> None:
    assert Policy.load("default").id == GOLDEN
    assert len(GOLDEN) == 12


def wrong(role: str, part: dict[str, Any], only: bool) -> dict[str, Any]:
    return {role: part if only else [part]}


@pytest.mark.parametrize(
    ("role", "known"),
    [
        ("source", ["two_tower", "transitions", "ease", "popular_segment", "popular", "new_items"]),
        ("filter", ["seen"]),
        ("hydrator", ["candidate_features"]),
        ("scorer", ["release", "lambdamart", "mlp", "retrieval"]),
        ("selector", ["epsilon", "greedy"]),
    ],
)
def test_a_part_that_does_not_exist_is_named_with_those_that_do(role: str, known: list[str]) -> None:
    with pytest.raises(InvalidInput, match="crystal_ball") as caught:
        make_policy(**wrong(role, {"part": "crystal_ball"}, role == "selector"))
    assert role in caught.value.field
    assert "test.toml" in caught.value.field
    assert all(part in caught.value.detail for part in known)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"source": [TWO_TOWER | {"depth": 3}]}, "depth", "3"),
        ({"source": [TWO_TOWER | {"k": 0}]}, "k", "0"),
        ({"source": [TWO_TOWER | {"k": 10_001}]}, "k", "10001"),
        ({"source": [TWO_TOWER | {"timeout_ms": -1}]}, "timeout_ms", "-1"),
        ({"source": [TWO_TOWER | {"timeout_ms": float("nan")}]}, "timeout_ms", "nan"),
        ({"source": []}, "source", "[]"),
        ({"source": None}, "source", ""),
        ({"selector": None}, "selector", ""),
        ({"selector": {"part": "epsilon", "epsilon": 1.0}}, "epsilon", "1.0"),
        ({"selector": {"part": "epsilon", "epsilon": -0.1}}, "epsilon", "-0.1"),
        ({"selector": {"part": "epsilon", "epsilon": float("nan")}}, "epsilon", "nan"),
        ({"selector": {"part": "epsilon", "pool": 0}}, "pool", "0"),
        ({"selector": {"part": "greedy", "pool": 5}}, "pool", "5"),
        ({"selectors": {"part": "greedy"}}, "selectors", "greedy"),
        ({"name": ""}, "name", "''"),
        ({"name": "x" * 65}, "name", "x" * 65),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_with_its_value(change: dict[str, Any], field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_policy(**change)
    assert field in caught.value.field
    assert value in caught.value.detail


def test_every_source_once() -> None:
    with pytest.raises(InvalidInput, match="each source once"):
        make_policy(source=[TWO_TOWER, POPULAR, TWO_TOWER | {"k": 5}])


def test_exploration_is_set_where_the_selector_has_a_rate() -> None:
    assert BASE.exploring(0.3).selector == EpsilonConfig(epsilon=0.3, pool=50)
    greedy = make_policy(selector={"part": "greedy"})
    assert greedy.exploring(0.3) == greedy
    assert BASE.greedy().selector == GreedyConfig()
    assert BASE.exploring(0.3).greedy().id == BASE.greedy().id


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_an_exploration_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInput, match="exploration"):
        BASE.exploring(rate)


def test_the_scorer_that_a_release_chooses_can_be_decided() -> None:
    undecided = make_policy(scorer=[{"part": "release"}])
    assert undecided.scored_by("lambdamart").scorers == (LambdaMartConfig(),)
    assert undecided.scored_by("retrieval").scorers == (RetrievalConfig(),)
    assert BASE.scored_by("lambdamart") == BASE, "a file that names its scorer means it"


def test_a_pipeline_that_does_not_exist_is_named_with_those_that_do() -> None:
    assert pipeline_path("default").is_file()
    with pytest.raises(NotFound, match=r"'nothing'.*default"):
        Policy.load("nothing")


def test_the_cookbook_names_every_part_and_its_file_is_a_policy() -> None:
    text = (CONFIGS.parent / "docs" / "policies.md").read_text()
    policy = Policy.of(tomllib.loads(text.split("```toml")[1].split("```")[0]), "policies.md")
    assert policy.tires
    assert [slot.label for slot in policy.slots] == ["promoted", "new this week"]
    for union in (AnyFilter, AnySource, AnyScorer, AnySelector):
        for part in TypeAdapter(union).json_schema()["discriminator"]["mapping"]:
            assert f"`{part}`" in text, part
