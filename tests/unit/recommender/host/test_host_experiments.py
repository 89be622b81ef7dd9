"""The host while experiments run: whose recommender answers, and what it does where one cannot be served."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from host_setup import KNOWN, USERS, HostSetup, let_in, releases_of
from prometheus_client import REGISTRY
from synthetic import make_query

from core.errors import DependencyUnavailable
from recommender.experiments.definition import LayeredExperiment
from recommender.host import RecommenderHost
from serving import probes
from serving.health import Status


def ab(name: str = "trial", layer: str = "one", **treatment: Any) -> LayeredExperiment:
    variants = {"control": {"share": 0.5}, "b": {"share": 0.5, **treatment}}
    return LayeredExperiment.of({"name": name, "layer": layer, "variants": variants}, "test.toml")


def run(world: HostSetup, host: RecommenderHost, *experiments: LayeredExperiment) -> None:
    world.experiments = experiments
    host.look()


def test_an_experiment_changes_whose_recommender_answers_and_stopping_it_returns_everybody(
    world: HostSetup, host: RecommenderHost
) -> None:
    before = host.main.policy.id
    run(world, host, ab(overrides={"two_tower": {"k": 3}}))
    chosen = {user: host.choose(user) for user in USERS}
    of = {
        arm: {one.recommender for one in chosen.values() if one.arm == arm}
        for arm in ("control+trial:control", "control+trial:b")
    }
    assert sum(map(len, of.values())) == 2, "one recommender for each variant, and nobody outside"
    assert {one.policy.id for one in of["control+trial:control"]} == {before}
    treated = of["control+trial:b"].pop()
    made = asyncio.run(treated.recommend(make_query(k=10, user=KNOWN)))
    assert made.selection.found_by("two_tower").sum() <= 3
    label = {"arm": "control+trial:b", "policy": treated.policy.id}
    assert REGISTRY.get_sample_value("marquee_policy_info", label) == 1
    world.registry.point("production", "2")
    host.look()
    assert set(releases_of(host).values()) == {"r2"}, "its variants follow the release"
    run(world, host)
    assert {host.choose(user).arm for user in USERS} == {"control"}
    assert REGISTRY.get_sample_value("marquee_policy_info", label) == 0


def test_a_forced_variant_is_served_and_marked(world: HostSetup, host: RecommenderHost) -> None:
    run(world, host, ab(overrides={"two_tower": {"k": 3}}))
    for variant in ("control", "b"):
        one = host.choose(7, {"trial": variant})
        assert one.arm == f"control+trial:{variant}!"
        assert one.recommender is host.of(f"control+trial:{variant}")


def test_a_variants_release_is_loaded_when_it_starts_and_freed_when_it_stops(world: HostSetup, host: RecommenderHost) -> None:
    world.registry.point("candidate", "2")
    run(world, host, ab(release="candidate"))
    assert set(releases_of(host).values()) == {"r1", "r2"}
    released = (host.choose(user).recommender.snapshot.release for user in USERS)
    left = weakref.ref(next(one for one in released if one.manifest.release == "r2"))
    del released
    run(world, host)
    gc.collect()
    assert left() is None
    assert world.loaded == ["production", "2"]


def test_an_experiment_that_cannot_be_served_is_set_aside_until_it_can(world: HostSetup, host: RecommenderHost) -> None:
    run(world, host, ab("early", release="candidate"), ab("fine", "two", overrides={"popular": {"k": 9}}))
    assert [one.name for one in host.running] == ["fine"]
    assert "candidate" in host.set_aside["early"]
    assert {host.choose(user).arm for user in USERS} == {"control+fine:control", "control+fine:b"}
    finding = probes.experiments(host).probe()
    assert (finding.status, "early" in finding.detail) == (Status.DEGRADED, True)
    world.registry.point("candidate", "2")
    host.look()
    assert ([one.name for one in host.running], host.set_aside) == (["early", "fine"], {})
    assert probes.experiments(host).probe().status is Status.UP
    run(world, host, ab("wrong", overrides={"nothing": {"k": 1}}))
    assert "nothing" in host.set_aside["wrong"]
    assert {host.choose(user).arm for user in USERS} == {"control"}


def test_a_canary_and_a_holdback_work_beside_an_experiment(world: HostSetup, host: RecommenderHost) -> None:
    run(world, host, ab(overrides={"two_tower": {"k": 3}}))
    let_in(world, "0.5")
    host.look()
    arms = {user: host.choose(user).arm for user in USERS}
    assert set(arms.values()) == {f"control+trial:{variant}{part}" for variant in ("control", "b") for part in ("", "-canary")}
    assert {user for user, name in releases_of(host).items() if name == "r2"} == {u for u in USERS if arms[u].endswith("-canary")}
    assert REGISTRY.get_sample_value("marquee_canary_share") == pytest.approx(0.5)
    assert next(host.choose(user) for user in USERS if arms[user].endswith("-canary")).fallback is not None
    run(world, host)
    assert {host.choose(user).arm for user in USERS} == {"control", "control-canary"}
    assert {user for user, name in releases_of(host).items() if name == "r2"} == {u for u in USERS if arms[u].endswith("-canary")}
    run(world, host, ab(overrides={"two_tower": {"k": 3}}))
    world.registry.tag("2", "holdback_share", "0.2")
    world.registry.point("previous", "1")
    world.registry.point("production", "2")
    world.registry.remove("canary")
    host.look()
    assert {host.choose(user).arm.split("-")[-1] for user in USERS if releases_of(host)[user] == "r1"} == {"holdback"}


def test_while_it_cannot_be_read_what_runs_goes_on_and_a_process_that_starts_serves_none(world: HostSetup) -> None:
    world.experiments = (ab(overrides={"two_tower": {"k": 3}}),)
    host = world.host()
    assert [one.name for one in host.running] == ["trial"], "from its first list on"
    world.away = True
    with pytest.raises(DependencyUnavailable):
        host.look()
    assert [one.name for one in host.running] == ["trial"]
    host.close()
    late = world.host()
    assert late.running == ()
    world.away, world.experiments = False, (ab(overrides={"two_tower": {"k": 3}}),)
    late.look()
    assert [one.name for one in late.running] == ["trial"]
    late.close()
