"""Assignment: stable, uniform, independent between layers; what may not run together; and files that say something wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from core.errors import InvalidInput, NotFound
from core.settings import REPOSITORY
from recommender.experiments.definition import LayeredExperiment, defined
from recommender.experiments.running import Assigned, ExperimentConflict, RunningExperiments, arm_name, assignment_of
from recommender.split import arm_of

USERS = range(1, 20_001)
CALM = {"control": {"share": 0.5}, "calm": {"share": 0.5, "exploration": 0.01}}
WIDE = {"control": {"share": 0.2}, "wide": {"share": 0.8, "overrides": {"two_tower": {"k": 400}}}}
GOLDEN = ["-", "-", "-", "control", "-", "control", "control", "calm", "-", "-", "-", "-"]  # of users 1 to 12


def make(name: str = "calm", layer: str = "exploring", **fields: Any) -> LayeredExperiment:
    return LayeredExperiment.of({"name": name, "layer": layer, "variants": CALM, **fields}, f"{name}.toml")


def variants(running: RunningExperiments, name: str) -> list[str]:
    found = [{one.experiment: one.variant for one in running.assignment(user)} for user in USERS]
    return [assigned.get(name, "-") for assigned in found]


def test_golden_assignment_does_not_change_between_versions() -> None:
    assert variants(RunningExperiments([make(buckets=[0, 500])]), "calm")[:12] == GOLDEN


def test_an_assignment_does_not_depend_on_what_else_runs() -> None:
    calm, other = make(buckets=[0, 300]), make("other", buckets=[300, 1000], variants=WIDE)
    alone = variants(RunningExperiments([calm]), "calm")
    assert alone == variants(RunningExperiments([other, calm]), "calm")
    reordered = LayeredExperiment.of({**calm.model_dump(), "variants": dict(reversed(CALM.items()))}, "again.toml")
    assert alone == variants(RunningExperiments([reordered]), "calm")


def test_shares_and_buckets_are_kept_by_chance_alone() -> None:
    running = RunningExperiments([make("wide", buckets=[100, 400], variants=WIDE)])
    found = variants(running, "wide")
    counts = [found.count(name) for name in ("control", "wide", "-")]
    assert chisquare(counts, [0.06 * len(USERS), 0.24 * len(USERS), 0.7 * len(USERS)]).pvalue > 1e-4
    wide = next(one for one in running.combinations() if one and one[0].variant == "wide")
    assert running.share(wide) == pytest.approx(0.24)
    assert sum(map(running.share, running.combinations())) == pytest.approx(1.0)


def test_layers_are_independent_and_a_new_experiment_mixes_the_groups_of_the_last() -> None:
    calm, wide, later = make(), make("wide", "sources", variants=WIDE), make("later")
    of = variants(RunningExperiments([calm, wide]), "calm")
    for other in (variants(RunningExperiments([calm, wide]), "wide"), variants(RunningExperiments([later]), "later")):
        table = np.array([[sum(pair == (a, b) for pair in zip(of, other, strict=True)) for b in set(other)] for a in set(of)])
        assert chi2_contingency(table).pvalue > 1e-4


def test_experiments_of_one_layer_exclude_each_other() -> None:
    running = RunningExperiments([make(buckets=[0, 500]), make("more", buckets=[500, 1000])])
    assert {len(running.assignment(user)) for user in USERS[:2000]} == {1}
    assert len(running.combinations()) == 5


def test_a_user_outside_of_every_experiment_is_in_none() -> None:
    running = RunningExperiments([make(buckets=[0, 1])])
    assert sum(not running.assignment(user) for user in USERS) > 0.99 * len(USERS)
    assert RunningExperiments().assignment(1) == ()


def test_forced_users_are_marked_whatever_their_ids_look_like() -> None:
    from core.ids import user_key

    running = RunningExperiments([make(buckets=[0, 1], forced={"42": "calm", "ann@example.com": "control"})])
    assert running.assignment(42) == (Assigned("calm", "calm", True),)
    assert running.assignment(user_key("ann@example.com")) == (Assigned("calm", "control", True),)
    assert running.assignment(42, {"calm": "control"}) == (Assigned("calm", "control", True),)
    two = RunningExperiments([make(buckets=[0, 500]), make("more", buckets=[500, 1000])])
    assert two.assignment(3, {"more": "calm"}) == (Assigned("more", "calm", True),), "it takes the place of its layer's others"
    for asked in ({"nothing": "calm"}, {"calm": "loud"}):
        with pytest.raises(NotFound, match="calm"):
            running.assignment(1, asked)


@pytest.mark.parametrize("part", ["", "canary", "holdback", "shadow"])
def test_the_name_of_an_arm_says_its_assignment(part: str) -> None:
    found = (Assigned("calm", "control"), Assigned("wide-2", "b_1", True))
    name = arm_name("control", found)
    assert name == "control+calm:control+wide-2:b_1!"
    assert (
        assignment_of(arm_of(name, {"canary": "canary", "holdback": "previous", "shadow": "staging"}[part]) if part else name)
        == found
    )
    assert assignment_of("control") == assignment_of("control-canary") == assignment_of("odd+name") == ()


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (make("again", buckets=[400, 600]), "buckets of again"),
        (make("again", "other"), "epsilon.epsilon"),
        (
            make("again", "other", variants={"control": {"share": 0.5}, "b": {"share": 0.5, "policy": "default"}}),
            "epsilon.epsilon",
        ),
        (make(buckets=[500, 600]), "one that does not run yet"),
    ],
    ids=["same buckets", "same setting", "a whole policy", "itself"],
)
def test_what_may_not_run_together_is_refused_with_both_names(new: LayeredExperiment, said: str) -> None:
    running = make(buckets=[0, 500])
    with pytest.raises(ExperimentConflict) as caught:
        RunningExperiments([running, new])
    assert said in caught.value.detail
    assert "calm" in caught.value.detail
    assert new.name in caught.value.detail
    assert caught.value.status == 409


def test_different_releases_and_settings_may_overlap() -> None:
    release = {"control": {"share": 0.5}, "new": {"share": 0.5, "release": "staging"}}
    assert len(RunningExperiments([make(), make("new", "releases", variants=release)]).combinations()) == 9


HALF = {"share": 0.5}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"variants": {"control": {"share": 0.6}, "b": {"share": 0.6, "exploration": 0.1}}}, "sum to 1.2; they must sum to 1"),
        ({"variants": {"control": {"share": 0.3}, "b": {"share": 0.6, "exploration": 0.1}}}, "they must sum to 1"),
        ({"variants": {"control": HALF, "b": {"exploration": 0.1}}}, "variants.b.share"),
        ({"variants": {"control": {"share": 0.0}, "b": {"share": 1.0, "exploration": 0.1}}}, "variants.control.share"),
        ({"variants": {"control": HALF, "b": HALF}}, "no variant changes anything"),
        ({"variants": {"control": {"share": 1.0}}}, "variants"),
        ({"variants": {"control": HALF, "b": HALF | {"colour": "red"}}}, "variants.b.colour"),
        ({"variants": {"control": HALF, "b": HALF | {"exploration": 1.0}}}, "variants.b.exploration"),
        ({"variants": {"control": HALF, "b-canary": HALF | {"exploration": 0.1}}}, "b-canary"),
        ({"variants": {"control": HALF, "b+c": HALF | {"exploration": 0.1}}}, "b+c"),
        ({"control": "nobody"}, "'nobody'; allowed: control, calm"),
        ({"buckets": [500, 1001]}, "0 <= first < end <= 1000"),
        ({"buckets": [500, 500]}, "0 <= first < end <= 1000"),
        ({"forced": {"42": "loud"}}, "'loud'; allowed: control, calm"),
        ({"forced": {"": "calm"}}, "forced in calm.toml"),
        ({"layer": "No Layer"}, "layer"),
        ({"min_effect": 0}, "min_effect"),
        ({"speed": 3}, "speed"),
    ],
    ids=str,
)
def test_a_definition_that_says_something_wrong_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=r"calm\.toml") as caught:
        make(**fields)
    assert said in caught.value.detail


def test_the_example_of_the_documentation_is_a_definition() -> None:
    text = (REPOSITORY / "docs" / "experiments.md").read_text()
    values = tomllib.loads(text.split("```toml\n")[1].split("```")[0])
    assert LayeredExperiment.of(values, "docs/experiments.md").forced.keys() == {"42", "qa@example.com"}


def test_a_file_is_read_by_its_name_and_faulty_ones_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    body = 'layer = "one"\n[variants.control]\nshare = 0.5\n[variants.b]\nshare = 0.5\nexploration = 0.1\n'
    (tmp_path / "good.toml").write_text(f'name = "good"\n{body}')
    (tmp_path / "renamed.toml").write_text(f'name = "good"\n{body}')
    (tmp_path / "torn.toml").write_text("name = ")
    (tmp_path / "default.toml").write_text('name = "default"\n[arms.control]\nshare = 1.0\n')
    found = defined(tmp_path)
    assert {name: type(one) for name, one in found.items()} == {
        "good": LayeredExperiment,
        "renamed": InvalidInput,
        "torn": InvalidInput,
    }
    with pytest.raises(NotFound, match="no A/B experiment"):
        LayeredExperiment.load("default", tmp_path)
    assert all(isinstance(one, LayeredExperiment) for one in defined().values()), "the files that ship are right"
