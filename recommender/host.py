"""The recommenders of a process, one for each arm, and what keeps them up to date.

`look` is asked again and again from one thread. It follows the registry's aliases, the experiments that run, the items table,
and what the consumer counted and learned; then it replaces recommenders by one assignment. A request that is under way ends on
the recommender that it began with, and the release that was left is freed with the last of them.

While a release is let in (`lifecycle.rollout`), a part of the users of each arm on the production release gets lists of another
one: those of the canary, and later those who are held back. That part is an arm of its own. A release in shadow makes lists that
nobody sees.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from core.errors import DependencyUnavailable, NotFound
from core.item_facts import ItemFacts
from core.ports import Monotonic
from recommender import split
from recommender.assembly import SourceThreads
from recommender.experiment import Experiment
from recommender.experiments.arms import PRODUCTION, PolicyNamed, ServedArms
from recommender.experiments.definition import LayeredExperiment
from recommender.experiments.following import FollowedExperiments, LookAtExperiments
from recommender.followed import FollowedReleases, Load, VersionOf
from recommender.live import LiveRelease
from recommender.policy import Policy
from recommender.recommender import Recommender, SideEffect
from recommender.reporting import report

# What is known of items now, if that is new since the last look.
LookAtItems = Callable[[], ItemFacts | None]
# The tags that a version has in the registry.
TagsOf = Callable[[str], Mapping[str, str]]
_log = logging.getLogger(__name__)


class Rollouts(NamedTuple):
    """Where the host learns that a release is let in, and the share of a canary that somebody made by hand."""

    tags_of: TagsOf
    first_share: float = 0.01


class Experimenting(NamedTuple):
    """Where the host learns which experiments run, and what it needs to serve them."""

    look: LookAtExperiments
    policy_named: PolicyNamed = Policy.load
    remember: Callable[[Iterable[Policy]], object] = lambda _: None  # told the policies before lists are made by them


class Chosen(NamedTuple):
    """Who makes a user's list, under which arm; `fallback` makes it if that one fails, and `shadow` one that nobody sees."""

    arm: str
    recommender: Recommender
    fallback: Recommender | None = None
    shadow: Recommender | None = None


class _Serving(NamedTuple):
    """What requests see: replaced whole, so that one of them never sees half of a change."""

    recommenders: Mapping[str, Recommender]
    arms: ServedArms
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
        experiments: Experimenting | None = None,
    ) -> None:
        """Loads every release that an arm of `experiment` needs. `policies` are those of its arms; `interval` is the seconds
        between two questions to the registry; without `rollouts` and `experiments` only arms are served. Raises what `load`
        raises.
        """
        self.experiment = experiment
        self._policies = policies
        self._version_of = version_of
        self._items = items
        self._interval = interval
        self._clock = clock
        self._asked = clock()
        self._rollouts = rollouts
        self._experiments = experiments or Experimenting(lambda: None)
        self._followed = FollowedExperiments(self._experiments.look, self._arms_with)
        self._threads = SourceThreads()
        self._side_effects: tuple[SideEffect, ...] = ()
        self._facts: ItemFacts | None = None
        self._arms = ServedArms(experiment, policies)
        self._serving = _Serving({}, self._arms)
        self._parts: tuple[split.Part, ...] = ()
        self._releases = FollowedReleases(load, version_of, self._made, self.aliases)
        self._look_at_items()
        try:
            self._follow_experiments()
        except DependencyUnavailable as error:
            _log.warning("no experiment is served until it can be read which ones run: %s", error.detail)
        self._replace(self.aliases)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The release aliases that arms are served from."""
        return self._arms.aliases

    @property
    def set_aside(self) -> dict[str, str]:
        """Experiments that run and cannot be served here: name -> why."""
        return dict(self._followed.set_aside)

    @property
    def running(self) -> tuple[LayeredExperiment, ...]:
        """The experiments that are served."""
        return self._serving.arms.running

    @property
    def main(self) -> Recommender:
        """That of the largest arm."""
        return self._serving.recommenders[self._serving.arms.main]

    @property
    def version(self) -> str:
        """The registry's version of the release of the largest arm; empty where the registry did not say."""
        name = self.main.snapshot.name
        return next((live.version for live, _ in self._releases.each() if live.snapshot.name == name), "")

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

    def choose(self, user: int, forced: Mapping[str, str] | None = None) -> Chosen:
        """Who makes the list of a user (key) now. `forced`: variants to be in, by experiment. Raises NotFound for one that
        does not run."""
        now = self._serving
        arm, logged = now.arms.of(user, forced)
        made = now.recommenders[arm]
        if now.arms.arms[arm].release != PRODUCTION:
            return Chosen(logged, made)
        for part in now.parts:
            if part.takes(user):
                return Chosen(split.arm_of(logged, part.alias), now.recommenders[split.arm_of(arm, part.alias)], made)
        return Chosen(logged, made, shadow=now.recommenders.get(split.arm_of(arm, split.STAGING)))

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
            yield self._follow_experiments
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

    def _follow_experiments(self) -> Collection[str]:
        """Take over which experiments run, and have the releases that they need and no others."""
        arms = self._followed.look(self._arms)
        if arms is None:
            return ()
        self._experiments.remember(arm.policy for arm in arms.arms.values())
        self._arms = arms
        for alias in set(self._releases.live) - set(arms.aliases) - {split.STAGING, split.CANARY, split.PREVIOUS}:
            self._releases.drop(alias)
        return tuple(self._releases.live)

    def _arms_with(self, running: Sequence[LayeredExperiment]) -> ServedArms:
        """The arms with these experiments, whose releases are loaded. Raises MarqueeError where they cannot be served."""
        made = ServedArms(self.experiment, self._policies, running, self._experiments.policy_named)
        for alias in made.aliases:
            if alias not in self._releases and not self._releases.follow_optional(alias, self._facts):
                raise NotFound(self._releases.refused.pop(alias, ("", f"no release has the alias {alias!r}"))[1])
            self._made(alias, self._releases[alias], made)
        return made

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

    def _arms_of(self, alias: str, served: ServedArms | None = None) -> dict[str, str]:
        """The arms whose lists come from an alias, and the arm whose policy each has."""
        served = served or self._arms
        arms = served.arms
        if alias in served.aliases:
            return {name: name for name, arm in arms.items() if arm.release == alias}
        if alias not in split.ARMS:
            return {}  # of an experiment that begins or ends
        return {split.arm_of(name, alias): name for name, arm in arms.items() if arm.release == PRODUCTION}

    def _made(self, alias: str, live: LiveRelease, served: ServedArms | None = None) -> dict[str, Recommender]:
        """Recommenders for the arms on this alias. Raises BundleCorrupt for a release that lacks what a policy needs."""
        served = served or self._arms
        effects = self._side_effects if alias in served.aliases or alias != split.STAGING else ()
        return {
            name: Recommender(live.snapshot, served.arms[arm].policy, self._threads, effects)
            for name, arm in self._arms_of(alias, served).items()
        }

    def _replace(self, aliases: Collection[str]) -> None:
        """New recommenders for the arms on these aliases, and none for those whose alias has no release any more."""
        before, left, live = self._serving.recommenders, self._serving.arms, self._releases.live
        kept = {name for alias in live if alias not in aliases for name in self._arms_of(alias)}
        made = {name: one for alias in aliases if alias in live for name, one in self._made(alias, live[alias]).items()}
        self._serving = _Serving({name: before[name] for name in before if name in kept} | made, self._arms, self._parts)
        report({one.snapshot.name for one in before.values()}, left, self._arms, self._releases, self._serving.parts)
