"""The host: follows aliases, items and feeds while lists are asked for, and never serves what it cannot serve."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from prometheus_client import REGISTRY
from synthetic import POPULAR, TWO_TOWER, make_policy, make_query, user_of
from tiny_release import copied

from core.bundle import RANKER
from core.errors import DependencyUnavailable, NotFound
from core.item_facts import ItemFacts
from lake import learned_vectors, published_stats
from lake.adapters.memory import MemoryLake
from lake.learned_vectors import LearnedVectors
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.gates import GateCheck, GateResult
from lifecycle.ledger import PromotionLedger
from lifecycle.promotion import promote, rollback
from recommender.experiment import Experiment
from recommender.experiments.definition import LayeredExperiment
from recommender.host import Experimenting, RecommenderHost, Rollouts
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from recommender.recommender import RecommendationResult
from recommender.release import Release, open_release
from retrieval.adapters.mirror import MirrorIndex
from serving import probes
from serving.health import Status

YES = GateResult((GateCheck("fine", True, "as it should be"),))
KNOWN = user_of(10, 200, 330, 470)
BOTH = Experiment.of({"arms": {"a": {"share": 0.6}, "b": {"share": 0.4, "release": "staging"}}}, "test.toml")
PATIENT = make_policy()


@dataclass
class HostSetup:
    """A registry of copies of the tiny release, and what a host of this process stands on."""

    folder: Path
    bundle: Path
    registry: FolderRegistry
    ledger: PromotionLedger
    items: ItemFacts | None = None
    experiments: tuple[LayeredExperiment, ...] | None = None  # that run, if it is new
    now: float = 0.0
    away: bool = False  # whether the registry does not answer
    files_away: bool = False  # whether it answers, and its files cannot be had
    rankers: bool = True  # whether releases come with a ranker
    loaded: list[str] = field(default_factory=list)

    @property
    def feeds(self) -> Feeds:
        return Feeds(*(self.folder / f"{name}.parquet" for name in ("items", "vectors", "transitions")))

    def register(self, name: str, **changes: object) -> str:
        return self.registry.register(copied(self.bundle, self.folder / name, name, **changes))

    def damaged(self, name: str) -> str:
        folder = copied(self.bundle, self.folder / name, name)
        (folder / RANKER).write_bytes(b"torn")
        return self.registry.register(folder)

    def version(self, alias: str) -> str:
        if self.away:
            raise DependencyUnavailable("registry", "connection refused")
        return self.registry.version(alias)

    def load(self, name: str) -> LiveRelease:
        if self.files_away:
            raise DependencyUnavailable("artifacts", "timed out")
        self.loaded.append(name)
        release, mirror = open_release(self.registry.fetch(name)), MirrorIndex()
        if not self.rankers:
            release = replace(release, ranker=None)
        mirror.publish(release.name, release.catalogue.ids, release.item_vectors)
        return LiveRelease(self.registry.version(name), Snapshot.of(release, mirror), self.feeds, mirror)

    def look_at_items(self) -> ItemFacts | None:
        found, self.items = self.items, None
        return found

    def look_at_experiments(self) -> tuple[LayeredExperiment, ...] | None:
        if self.away:
            raise DependencyUnavailable("lake", "away")
        found, self.experiments = self.experiments, None
        return found

    def host(self, experiment: Experiment | None = None, **policies: Policy) -> RecommenderHost:
        """Every look asks the registry."""
        experiment = experiment or Experiment()
        chosen = {arm: policies.get(arm, PATIENT) for arm in experiment.arms}
        rollouts = Rollouts(self.registry.tags, first_share=0.25)
        look, experiments = self.look_at_items, Experimenting(self.look_at_experiments)
        return RecommenderHost(experiment, chosen, self.load, self.version, look, 0.0, lambda: self.now, rollouts, experiments)


@pytest.fixture
def world(tmp_path: Path, release: Release) -> HostSetup:
    """With versions 1 and 2, releases r1 and r2; r1 is production."""
    world = HostSetup(
        tmp_path, release.folder, FolderRegistry(tmp_path / "registry"), PromotionLedger(MemoryLake(), tmp_path / "ledger")
    )
    (tmp_path / "registry").mkdir()
    promote(world.registry, world.ledger, world.register("r1"), YES, actor="test")
    world.register("r2")
    return world


@pytest.fixture
def host(world: HostSetup) -> Iterator[RecommenderHost]:
    host = world.host()
    yield host
    host.close()


def ask(host: RecommenderHost, arm: str = "control", **asked: Any) -> RecommendationResult:
    return asyncio.run(host.of(arm).recommend(make_query(**{"k": 10, "user": KNOWN} | asked)))


def served(host: RecommenderHost) -> str:
    return ask(host).snapshot.name


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
    assert f"r1 goes on: version {bad}, which production means now, was refused" in finding.detail
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
    class Log:
        name = "log"
        seen: list[str] = []  # noqa: RUF012

        def run(self, made: RecommendationResult) -> None:
            self.seen.append(made.snapshot.name)

    log = Log()
    host.act(log)
    ask(host)
    world.registry.point("production", "2")
    host.look()
    ask(host)
    assert log.seen == ["r1", "r2"]


USERS = range(1, 401)


def releases_of(host: RecommenderHost) -> dict[int, str]:
    return {user: host.choose(user).recommender.snapshot.name for user in USERS}


def let_in(world: HostSetup, share: str | None) -> None:
    if share is not None:
        world.registry.tag("2", "canary_share", share)
    world.registry.point("canary", "2")


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
    world.registry.point("canary", damaged(world))
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
    class Log:
        name = "log"
        seen: list[str] = []  # noqa: RUF012

        def run(self, made: RecommendationResult) -> None:
            self.seen.append(made.snapshot.name)

    log = Log()
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
