"""The recommenders of a process, one for each arm of the experiment, and what keeps them up to date.

`look` is asked again and again from one thread. It follows the registry's aliases, the items table, and what the consumer
counted and learned; then it replaces recommenders by one assignment. A request that is under way ends on the recommender that
it began with, and the release that was left is freed with the last of them.

While a release is let in (`lifecycle.rollout`), a part of the users of each arm on the production release gets lists of another
one: those of the canary, and later those who are held back. That part is an arm of its own. A release in shadow makes lists that
nobody sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from core.errors import DependencyUnavailable, NotFound
from core.item_facts import ItemFacts
from core.ports import Monotonic
from core.telemetry import (
    CANARY_SHARE,
    MODEL_TRAINED_UNTIL,
    POLICY_INFO,
    RELEASE_INFO,
    SERVED_TIMESTAMP,
    SERVED_VERSION,
)
from recommender import split
from recommender.assembly import SourceThreads
from recommender.experiment import Experiment
from recommender.followed import FollowedReleases, Load, VersionOf
from recommender.live import LiveRelease
from recommender.policy import Policy
from recommender.recommender import Recommender, SideEffect

PRODUCTION = "production"
# What is known of items now, if that is new since the last look.
LookAtItems = Callable[[], ItemFacts | None]
# The tags that a version has in the registry.
TagsOf = Callable[[str], Mapping[str, str]]


class Rollouts(NamedTuple):
    """Where the host learns that a release is let in, and the share of a canary that somebody made by hand."""

    tags_of: TagsOf
    first_share: float = 0.01


class Chosen(NamedTuple):
    """Who makes a user's list, under which arm; `fallback` makes it if that one fails, and `shadow` one that nobody sees."""

    arm: str
    recommender: Recommender
    fallback: Recommender | None = None
    shadow: Recommender | None = None


class _Serving(NamedTuple):
    """What requests see: replaced whole, so that one of them never sees half of a change."""

    recommenders: Mapping[str, Recommender]
    parts: tuple[split.Part, ...] = ()


class RecommenderHost:
    """Recommenders by arm."""

    def __init__(
        self,
        experiment: Experiment,
        policies: Mapping[str, Policy],
        load: Load,
        version_of: VersionOf,
        items: LookAtItems = lambda: None,
        interval: float = 2.0,
        clock: Monotonic = time.monotonic,
        rollouts: Rollouts | None = None,
    ) -> None:
        """Loads every release that an arm needs. `policies` are those of the arms, by arm; `interval` is the seconds between
        two questions to the registry; without `rollouts` only arms are served. Raises what `load` raises.
        """
        self.experiment = experiment
        self._policies = policies
        self._version_of = version_of
        self._items = items
        self._interval = interval
        self._clock = clock
        self._asked = clock()
        self._rollouts = rollouts
        self._threads = SourceThreads()
        self._side_effects: tuple[SideEffect, ...] = ()
        self._facts: ItemFacts | None = None
        self._serving = _Serving({})
        self._parts: tuple[split.Part, ...] = ()
        self._releases = FollowedReleases(load, version_of, self._made, self.aliases)
        self._look_at_items()
        self._replace(self.aliases)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The release aliases that arms are served from."""
        return tuple(dict.fromkeys(arm.release for arm in self.experiment.arms.values()))

    @property
    def main(self) -> Recommender:
        """That of the largest arm."""
        return self._serving.recommenders[self.experiment.largest]

    @property
    def facts(self) -> ItemFacts:
        """What is known of items now: who asks whether an item exists asks here."""
        return self._facts or self.main.snapshot.facts

    @property
    def refused(self) -> dict[str, tuple[str, str]]:
        """Versions that an alias points at and that cannot be served: alias -> (version, why). The earlier one goes on."""
        return dict(self._releases.refused)

    def of(self, arm: str) -> Recommender:
        """The recommender of an arm now."""
        return self._serving.recommenders[arm]

    def choose(self, user: int) -> Chosen:
        """Who makes the list of a user (key) now."""
        now, arm = self._serving, self.experiment.arm(user)
        made = now.recommenders[arm]
        if self.experiment.arms[arm].release != PRODUCTION:
            return Chosen(arm, made)
        for part in now.parts:
            if part.takes(user):
                name = split.arm_of(arm, part.alias)
                return Chosen(name, now.recommenders[name], made)
        return Chosen(arm, made, shadow=now.recommenders.get(split.arm_of(arm, split.STAGING)))

    def act(self, *side_effects: SideEffect) -> None:
        """Let these act on every list that is shown from now on."""
        self._side_effects = side_effects
        self._replace(self._releases.live)

    def look(self) -> None:
        """Take over what is new. Raises DependencyUnavailable when something could not be looked at; the rest was."""
        failure: DependencyUnavailable | None = None
        changed: set[str] = set()
        for step in self._steps():
            try:
                changed.update(step())
            except DependencyUnavailable as error:
                failure = error
        self._releases.forget_left()
        if changed or self._parts != self._serving.parts:
            self._replace(changed)
        if failure is not None:
            raise failure

    def close(self) -> None:
        self._threads.close()

    def _steps(self) -> Iterator[Callable[[], Collection[str]]]:
        """What to look at, each by itself; a step returns the aliases whose release changed."""
        if self._clock() - self._asked >= self._interval:
            self._asked = self._clock()
            for alias in self.aliases:
                yield partial(self._follow, alias)
            if self._rollouts is not None:
                yield self._follow_rollouts
        yield self._look_at_items
        for live, aliases in list(self._releases.each()):
            for look in (live.look_at_stats, live.look_at_vectors, live.look_at_transitions, live.look_at_posterior):
                yield lambda look=look, aliases=aliases: aliases if look() else ()  # type: ignore[misc]

    def _follow(self, alias: str) -> Collection[str]:
        return (alias,) if self._releases.follow(alias, self._facts) else ()

    def _follow_rollouts(self) -> set[str]:
        """The aliases beside production that are followed while a release is let in, and who gets them."""
        releases = self._releases
        if self._rollouts is None or PRODUCTION not in releases:
            return set()
        production, changed = releases[PRODUCTION].version, set()
        held_back = split.holdback(production, self._tags(production))
        for alias in {split.STAGING, split.CANARY, split.PREVIOUS} - set(self.aliases):
            wanted = alias != split.PREVIOUS or held_back is not None
            if releases.follow_optional(alias, self._facts) if wanted else releases.drop(alias):
                changed.add(alias)
        parts = [self._canary(production), held_back if split.PREVIOUS in releases else None]
        self._parts = tuple(part for part in parts if part is not None and part.alias not in self.aliases)
        return changed

    def _canary(self, production: str) -> split.Part | None:
        """None also where the canary has just become production: then it is a canary no more, even if it has the alias yet."""
        if self._rollouts is None or split.CANARY not in self._releases:
            return None
        version = self._releases[split.CANARY].version
        return None if version == production else split.canary(version, self._tags(version), self._rollouts.first_share)

    def _tags(self, version: str) -> Mapping[str, str]:
        """None of a version that the registry does not have any more, which is served from its copy."""
        try:
            return self._rollouts.tags_of(version) if self._rollouts is not None and version else {}
        except NotFound:
            return {}

    def _look_at_items(self) -> Collection[str]:
        facts = self._items()
        if facts is None:
            return ()
        self._facts = facts
        self._releases.know(facts)
        return tuple(self._releases.live)

    def _arms_of(self, alias: str) -> dict[str, str]:
        """The arms whose lists come from an alias, and the arm of the experiment whose policy each has."""
        arms = self.experiment.arms
        if alias in self.aliases:
            return {name: name for name, arm in arms.items() if arm.release == alias}
        return {split.arm_of(name, alias): name for name, arm in arms.items() if arm.release == PRODUCTION}

    def _made(self, alias: str, live: LiveRelease) -> dict[str, Recommender]:
        """Recommenders for the arms on this alias. Raises BundleCorrupt for a release that lacks what a policy needs."""
        seen = alias in self.aliases or alias != split.STAGING
        return {
            name: Recommender(live.snapshot, self._policies[arm], self._threads, self._side_effects if seen else ())
            for name, arm in self._arms_of(alias).items()
        }

    def _replace(self, aliases: Collection[str]) -> None:
        """New recommenders for the arms on these aliases, and none for those whose alias has no release any more."""
        before, live = self._serving.recommenders, self._releases.live
        kept = {name for alias in live if alias not in aliases for name in self._arms_of(alias)}
        made = {name: one for alias in aliases if alias in live for name, one in self._made(alias, live[alias]).items()}
        self._serving = _Serving({name: before[name] for name in before if name in kept} | made, self._parts)
        self._report({one.snapshot.name for one in before.values()})

    def _report(self, before: set[str]) -> None:
        """Say in metrics what is served; `before` are releases that may not be any more."""
        served = {live.snapshot.name for live, aliases in self._releases.each() if aliases != {split.STAGING}}
        for name in before | served:
            RELEASE_INFO.labels(name).set(name in served)
        for alias, live in self._releases.live.items():
            MODEL_TRAINED_UNTIL.labels(alias).set(live.snapshot.release.manifest.trained_until)
        for name, policy in self._policies.items():
            POLICY_INFO.labels(name, policy.id).set(1)
        arms = self.experiment.arms.values()
        of_parts = sum(part.share for part in self._serving.parts if part.alias == split.CANARY)
        on_production = sum(arm.share for arm in arms if arm.release == PRODUCTION)
        CANARY_SHARE.set(sum(arm.share for arm in arms if arm.release == split.CANARY) + of_parts * on_production)
        main = self._releases[self.experiment.arms[self.experiment.largest].release]
        SERVED_VERSION.set(main.learned_version)
        SERVED_TIMESTAMP.labels("statistics").set(main.snapshot.stats.as_of)
        SERVED_TIMESTAMP.labels("item_vectors").set(main.learned_at or main.snapshot.release.manifest.trained_until)
