"""The host: follows aliases, items and feeds while lists are asked for, and never serves what it cannot serve."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from host_setup import BOTH, PATIENT, YES, HostSetup, ListLog, ask, served
from prometheus_client import REGISTRY
from synthetic import POPULAR, TWO_TOWER, make_policy

from core.bundle import RANKER
from core.errors import DependencyUnavailable, NotFound
from core.item_facts import ItemFacts
from lake import learned_vectors, published_stats
from lake.learned_vectors import LearnedVectors
from lifecycle.promotion import promote, rollback
from recommender.experiment import Experiment
from recommender.host import RecommenderHost
from serving import probes
from serving.health import Status


def test_a_promotion_is_followed_and_a_rollback_is_the_same_move(world: HostSetup, host: RecommenderHost) -> None:
    assert served(host) == "r1"
    promote(world.registry, world.ledger, "2", YES, actor="test")
    assert served(host) == "r1"
    host.look()
    assert served(host) == "r2"
    assert REGISTRY.get_sample_value("marquee_release_info", {"release": "r1"}) == 0
    assert REGISTRY.get_sample_value("marquee_release_info", {"release": "r2"}) == 1
    rollback(world.registry, world.ledger, actor="test")
    host.look()
    assert served(host) == "r1"
    assert world.loaded == ["production", "2", "1"]
    host.look()
    assert world.loaded == ["production", "2", "1"], "what has not moved is not loaded again"


def test_the_registry_is_asked_once_an_interval(world: HostSetup) -> None:
    host = RecommenderHost(Experiment(), {"control": PATIENT}, world.load, world.version, interval=2.0, clock=lambda: world.now)
    world.registry.point("production", "2")
    for world.now, expected in ((0.0, "r1"), (1.9, "r1"), (2.0, "r2")):
        host.look()
        assert host.main.snapshot.name == expected
    host.close()


def test_twenty_swaps_under_load_fail_no_list_and_leave_nothing_behind(world: HostSetup, host: RecommenderHost) -> None:
    """Four threads ask without a pause. Every list is of one release, whole, and the releases that were left are freed."""
    stop, made, failures = threading.Event(), [0] * 4, []

    def asking(thread: int) -> None:
        while not stop.is_set():
            try:
                one = ask(host, seed=made[thread])
                assert len(set(one.selection.rows.tolist())) == 10
                assert not one.trace.failed()
                assert one.snapshot.index.ready(one.snapshot.name)
            except Exception as error:
                failures.append(error)
                return
            made[thread] += 1

    threads = [threading.Thread(target=asking, args=(n,)) for n in range(4)]
    left = []
    for thread in threads:
        thread.start()
    try:
        for swap in range(20):
            reached = [count + 1 for count in made]
            left.append(weakref.ref(host.main.snapshot.release))
            world.registry.point("production", "21"[swap % 2])
            host.look()
            assert host.main.snapshot.name == ("r2", "r1")[swap % 2]
            while not failures and any(count < least for count, least in zip(made, reached, strict=True)):
                stop.wait(0.001)  # every thread gets a list between two swaps
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    gc.collect()
    assert [ref() for ref in left] == [None] * 20


def unfitting(world: HostSetup) -> str:
    return world.register("unfit", feature_schema="ffffffffffff", features=None)


def damaged(world: HostSetup) -> str:
    return world.damaged("torn")


@pytest.mark.parametrize(("make", "why"), [(damaged, RANKER), (unfitting, "ffffffffffff")])
def test_a_version_that_cannot_be_served_is_refused_and_named(
    world: HostSetup, host: RecommenderHost, make: Callable[[HostSetup], str], why: str
) -> None:
    before = REGISTRY.get_sample_value("marquee_release_swaps_total", {"outcome": "refused"}) or 0.0
    bad = make(world)
    world.registry.point("production", bad)
    for _ in range(3):
        host.look()
    assert served(host) == "r1"
    assert world.loaded.count(bad) == 1, "a version never changes: it is not tried again and again"
    version, reason = host.refused["production"]
    assert version == bad
    assert why in reason
    finding = probes.release(host).probe()
    assert finding.status is Status.DEGRADED
    assert f"production is version {bad}, serving r1: that version was refused" in finding.detail
    assert REGISTRY.get_sample_value("marquee_release_swaps_total", {"outcome": "refused"}) == before + 1
    world.registry.point("production", "2")
    host.look()
    assert served(host) == "r2"
    assert host.refused == {}
    assert probes.release(host).probe().status is Status.UP


def test_going_back_to_what_is_served_clears_the_refusal(world: HostSetup, host: RecommenderHost) -> None:
    world.registry.point("production", damaged(world))
    host.look()
    world.registry.point("production", "1")
    host.look()
    assert (host.refused, served(host)) == ({}, "r1")


def test_a_release_that_the_policy_cannot_be_served_from_is_refused(world: HostSetup) -> None:
    host = world.host(control=make_policy(scorer=[{"part": "lambdamart"}], hydrator=[{"part": "candidate_features"}]))
    world.rankers = False
    world.registry.point("production", "2")
    host.look()
    assert world.loaded == ["production", "2"]
    assert "no ranker" in host.refused["production"][1]
    assert served(host) == "r1"
    host.close()


def test_without_the_registry_lists_go_on(world: HostSetup, host: RecommenderHost) -> None:
    world.away = True
    world.items = hidden(host, 10)
    with pytest.raises(DependencyUnavailable, match="registry"):
        host.look()
    assert served(host) == "r1"
    assert not host.facts.shown[host.facts.row(10)], "what could be looked at was"
    world.away = False
    world.registry.point("production", "2")
    host.look()
    assert served(host) == "r2"


def test_a_version_whose_files_are_away_is_tried_again(world: HostSetup, host: RecommenderHost) -> None:
    world.files_away = True
    world.registry.point("production", "2")
    with pytest.raises(DependencyUnavailable, match="artifacts"):
        host.look()
    assert (host.refused, served(host)) == ({}, "r1")
    world.files_away = False
    host.look()
    assert served(host) == "r2"


def test_an_alias_that_vanished_is_named_and_its_release_goes_on(world: HostSetup, host: RecommenderHost) -> None:
    (world.folder / "registry" / "aliases.json").write_text("{}")
    host.look()
    assert served(host) == "r1"
    assert "production" in host.refused["production"][1]
    world.registry.point("production", "1")
    host.look()
    assert host.refused == {}


def test_a_host_without_a_release_does_not_start(world: HostSetup) -> None:
    (world.folder / "registry" / "aliases.json").write_text("{}")
    with pytest.raises(NotFound):
        world.host()


def hidden(host: RecommenderHost, *items: int) -> ItemFacts:
    frame = host.main.snapshot.catalogue.to_frame()
    return ItemFacts(frame.with_columns(hidden=pl.col("item_id").is_in(items), title=pl.col("title") + " (new)"))


def test_items_statistics_and_vectors_are_taken_over_in_one_look(world: HostSetup, host: RecommenderHost) -> None:
    before = host.main
    now = before.snapshot
    best = int(now.catalogue.ids[ask(host, user=None).selection.rows[0]])
    row = int(np.argmin(now.stats.recent))
    recent = now.stats.recent.copy()
    recent[row] = recent.max() + 1000
    published_stats.publish(world.feeds.stats, now.catalogue.ids, replace(now.stats, recent=recent))
    moved = LearnedVectors(3, np.array([row]), 10 * now.item_vectors[[row]])
    learned_vectors.publish(world.feeds.vectors, now.name, now.catalogue.ids[[row]], moved)
    world.items = hidden(host, best)
    host.look()
    made = ask(host, user=None, k=59)
    shown = made.snapshot.catalogue.ids[made.selection.rows].tolist()
    assert shown[0] == now.catalogue.ids[row]
    assert best not in shown
    assert made.snapshot.facts.title(0).endswith("(new)")
    np.testing.assert_allclose(made.snapshot.item_vectors[row], moved.vectors[0])
    assert REGISTRY.get_sample_value("marquee_served_version") == 3
    assert before.snapshot is now, "a request under way ends on what it began with"


def test_a_feed_that_cannot_be_read_holds_up_no_other(world: HostSetup, host: RecommenderHost) -> None:
    now = host.main.snapshot
    row = int(np.argmin(now.stats.recent))
    recent = now.stats.recent.copy()
    recent[row] = recent.max() + 1000
    published_stats.publish(world.feeds.stats, now.catalogue.ids, replace(now.stats, recent=recent))
    world.feeds.vectors.write_bytes(b"no parquet")
    world.registry.point("production", "2")
    with pytest.raises(DependencyUnavailable, match="learned vectors"):
        host.look()
    made = ask(host, user=None)
    assert made.snapshot.name == "r2"
    assert made.selection.rows[0] == row


def test_what_is_known_of_items_survives_a_swap(world: HostSetup, host: RecommenderHost) -> None:
    world.items = hidden(host, 10)
    host.look()
    world.registry.point("production", "2")
    host.look()
    assert host.main.snapshot.name == "r2"
    assert not host.main.snapshot.facts.shown[0]


def test_two_releases_and_two_policies_serve_side_by_side_each_in_its_own_index(world: HostSetup) -> None:
    world.registry.point("staging", "2")
    few = make_policy(source=[TWO_TOWER | {"k": 3}, POPULAR])
    host = world.host(BOTH, b=few)
    a, b = ask(host, "a"), ask(host, "b")
    assert (a.snapshot.name, b.snapshot.name) == ("r1", "r2")
    assert (a.selection.policy_id, b.selection.policy_id) == (PATIENT.id, few.id)
    assert a.snapshot.index is not b.snapshot.index
    assert [one.snapshot.index.ready(name) for one in (a, b) for name in ("r1", "r2")] == [True, False, False, True]
    assert a.selection.found_by("two_tower").sum() > 3 >= b.selection.found_by("two_tower").sum()
    assert host.main is host.of("a")
    world.registry.point("staging", "1")
    host.look()
    assert [ask(host, arm).snapshot.name for arm in "ab"] == ["r1", "r1"]
    host.close()


def test_one_arm_is_refused_and_the_other_moves_on(world: HostSetup) -> None:
    world.registry.point("staging", "1")
    host = world.host(BOTH)
    world.registry.point("production", damaged(world))
    world.registry.point("staging", "2")
    host.look()
    assert [ask(host, arm).snapshot.name for arm in "ab"] == ["r1", "r2"]
    assert host.refused.keys() == {"production"}
    host.close()


def test_side_effects_act_on_every_list_also_after_a_swap(world: HostSetup, host: RecommenderHost) -> None:
    log = ListLog()
    host.act(log)
    ask(host)
    world.registry.point("production", "2")
    host.look()
    ask(host)
    assert log.seen == ["r1", "r2"]
