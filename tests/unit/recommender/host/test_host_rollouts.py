"""The host while a release is let in: in shadow, for a growing share of the users, and held back from some."""

from __future__ import annotations

import asyncio

import pytest
from host_setup import BOTH, KNOWN, USERS, HostSetup, ListLog, let_in, releases_of
from prometheus_client import REGISTRY
from synthetic import make_query

from core.bundle import RANKER
from recommender.host import RecommenderHost


def test_a_canary_gets_its_share_of_the_users_and_keeps_them_while_it_grows(world: HostSetup, host: RecommenderHost) -> None:
    taken: list[set[int]] = []
    for share in ("0.05", "0.25", "0.5"):
        let_in(world, share)
        host.look()
        taken.append({user for user, name in releases_of(host).items() if name == "r2"})
        assert len(taken[-1]) == pytest.approx(float(share) * len(USERS), abs=30)
        assert REGISTRY.get_sample_value("marquee_canary_share") == float(share)
    assert taken[0] < taken[1] < taken[2]
    one = host.choose(min(taken[0]))
    assert (one.arm, one.fallback, one.shadow) == ("control-canary", host.main, None)
    other = host.choose(next(user for user in USERS if user not in taken[2]))
    assert (other.arm, other.recommender, other.fallback) == ("control", host.main, None)
    world.registry.remove("canary")
    host.look()
    assert set(releases_of(host).values()) == {"r1"}
    assert REGISTRY.get_sample_value("marquee_canary_share") == 0
    assert REGISTRY.get_sample_value("marquee_release_info", {"release": "r2"}) == 0


def test_a_canary_that_somebody_made_by_hand_gets_the_first_share(world: HostSetup, host: RecommenderHost) -> None:
    let_in(world, None)
    host.look()
    assert list(releases_of(host).values()).count("r2") == pytest.approx(0.25 * len(USERS), abs=30)


def test_a_canary_that_cannot_be_served_has_no_users(world: HostSetup, host: RecommenderHost) -> None:
    world.registry.point("canary", world.damaged("r3"))
    host.look()
    assert set(releases_of(host).values()) == {"r1"}
    assert RANKER in host.refused["canary"][1]
    world.registry.remove("canary")
    host.look()
    assert host.refused == {}


def test_a_takeover_holds_some_users_back_and_loads_nothing_again(world: HostSetup, host: RecommenderHost) -> None:
    let_in(world, "0.5")
    host.look()
    world.registry.tag("2", "holdback_share", "0.1")
    world.registry.point("previous", "1")
    world.registry.point("production", "2")
    host.look()  # the alias canary is still there
    on = releases_of(host)
    held_back = {user for user, name in on.items() if name == "r1"}
    assert len(held_back) == pytest.approx(0.1 * len(USERS), abs=20)
    assert {host.choose(user).arm for user in held_back} == {"control-holdback"}
    assert {host.choose(user).arm for user in set(USERS) - held_back} == {"control"}
    world.registry.remove("canary")
    host.look()
    assert releases_of(host) == on
    world.registry.tag("2", "holdback_share", "")  # probation is over
    host.look()
    assert set(releases_of(host).values()) == {"r2"}
    assert world.loaded == ["production", "2"]


def test_a_rollback_in_probation_loads_nothing(world: HostSetup, host: RecommenderHost) -> None:
    world.registry.tag("2", "holdback_share", "0.1")
    world.registry.point("previous", "1")
    world.registry.point("production", "2")
    host.look()
    before = list(world.loaded)
    world.registry.point("production", "1")
    host.look()
    assert set(releases_of(host).values()) == {"r1"}
    assert world.loaded == before


def test_a_release_in_shadow_makes_lists_that_nobody_sees(world: HostSetup, host: RecommenderHost) -> None:
    log = ListLog()
    host.act(log)
    world.registry.point("staging", "2")
    host.look()
    assert set(releases_of(host).values()) == {"r1"}
    shadow = host.choose(1).shadow
    assert shadow is not None
    made = asyncio.run(shadow.recommend(make_query(k=10, user=KNOWN)))
    assert (made.snapshot.name, log.seen) == ("r2", [])
    assert not REGISTRY.get_sample_value("marquee_release_info", {"release": "r2"})
    world.registry.remove("staging")
    host.look()
    assert host.choose(1).shadow is None


def test_arms_on_other_releases_have_no_canary(world: HostSetup) -> None:
    world.registry.point("staging", "1")
    host = world.host(BOTH)
    let_in(world, "1.0")
    host.look()
    assert {host.choose(user).arm for user in USERS} == {"a-canary", "b"}
    host.close()
