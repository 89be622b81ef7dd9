"""A host of recommenders on a registry of copies of the tiny release, for the tests of what it follows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthetic import make_policy, make_query, user_of
from tiny_release import copied

from core.bundle import RANKER
from core.errors import DependencyUnavailable
from core.item_facts import ItemFacts
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.gates import GateCheck, GateResult
from lifecycle.ledger import PromotionLedger
from recommender.experiment import Experiment
from recommender.experiments.definition import LayeredExperiment
from recommender.host import Experimenting, RecommenderHost, Rollouts
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from recommender.recommender import RecommendationResult
from recommender.release import open_release
from retrieval.adapters.mirror import MirrorIndex

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


@dataclass
class ListLog:
    """A side effect that notes the release of each list."""

    name: str = "log"
    seen: list[str] = field(default_factory=list)

    def run(self, made: RecommendationResult) -> None:
        self.seen.append(made.snapshot.name)


def ask(host: RecommenderHost, arm: str = "control", **asked: Any) -> RecommendationResult:
    return asyncio.run(host.of(arm).recommend(make_query(**{"k": 10, "user": KNOWN} | asked)))


def served(host: RecommenderHost) -> str:
    return ask(host).snapshot.name


USERS = range(1, 401)


def releases_of(host: RecommenderHost) -> dict[int, str]:
    return {user: host.choose(user).recommender.snapshot.name for user in USERS}


def let_in(world: HostSetup, share: str | None) -> None:
    if share is not None:
        world.registry.tag("2", "canary_share", share)
    world.registry.point("canary", "2")
