"""The recommenders of a process, one for each arm of the experiment, and what keeps them up to date.

`look` is asked again and again from one thread. It follows the registry's aliases, the items table, and what the consumer
counted and learned; then it replaces recommenders by one assignment. A request that is under way ends on the recommender that
it began with, and the release that was left is freed with the last of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from core.errors import DependencyUnavailable, MarqueeError
from core.item_facts import ItemFacts
from core.ports import Monotonic
from core.telemetry import (
    CANARY_SHARE,
    MODEL_TRAINED_UNTIL,
    POLICY_INFO,
    RELEASE_INFO,
    RELEASE_SWAPS,
    SERVED_TIMESTAMP,
    SERVED_VERSION,
)
from recommender.assembly import SourceThreads
from recommender.experiment import Experiment
from recommender.live import LiveRelease
from recommender.policy import Policy
from recommender.recommender import Recommender, SideEffect

CANARY = "canary"  # the alias of a release that is being let in
_log = logging.getLogger(__name__)

# What the host asks of the registry: which version an alias means, and that version, loaded and ready to be searched.
VersionOf = Callable[[str], str]
Load = Callable[[str], LiveRelease]
# What is known of items now, if that is new since the last look.
LookAtItems = Callable[[], ItemFacts | None]


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
    ) -> None:
        """Loads every release that an arm needs. `policies` are those of the arms, by arm; `interval` is the seconds between
        two questions to the registry. Raises what `load` raises.
        """
        self.experiment = experiment
        self._policies = policies
        self._load = load
        self._version_of = version_of
        self._items = items
        self._interval = interval
        self._clock = clock
        self._asked = clock()
        self._threads = SourceThreads()
        self._side_effects: tuple[SideEffect, ...] = ()
        self._facts: ItemFacts | None = None
        self._refused: dict[str, tuple[str, str]] = {}  # alias -> (version, why it cannot be served)
        self._live = {alias: load(alias) for alias in self.aliases}
        self._recommenders: Mapping[str, Recommender] = {}
        self._look_at_items()
        self._replace(self.aliases)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The release aliases that arms are served from."""
        return tuple(dict.fromkeys(arm.release for arm in self.experiment.arms.values()))

    @property
    def main(self) -> Recommender:
        """That of the largest arm."""
        return self._recommenders[self.experiment.largest]

    @property
    def facts(self) -> ItemFacts:
        """What is known of items now: who asks whether an item exists asks here."""
        return self._facts or self.main.snapshot.facts

    @property
    def refused(self) -> dict[str, tuple[str, str]]:
        """Versions that an alias points at and that cannot be served: alias -> (version, why). The earlier one goes on."""
        return dict(self._refused)

    def of(self, arm: str) -> Recommender:
        """The recommender of an arm now."""
        return self._recommenders[arm]

    def act(self, *side_effects: SideEffect) -> None:
        """Let these act on every list from now on."""
        self._side_effects = side_effects
        self._replace(self.aliases)

    def look(self) -> None:
        """Take over what is new. Raises DependencyUnavailable when something could not be looked at; the rest was."""
        failure: DependencyUnavailable | None = None
        changed: set[str] = set()
        for alias, step in self._steps():
            try:
                if step():
                    changed |= {alias} if alias else set(self.aliases)
            except DependencyUnavailable as error:
                failure = error
        if changed:
            self._replace(tuple(changed))
        if failure is not None:
            raise failure

    def close(self) -> None:
        self._threads.close()

    def _steps(self) -> Iterator[tuple[str | None, Callable[[], bool]]]:
        """What to look at, each by itself: the alias that it can change (None for all of them), and how to look."""
        if self._clock() - self._asked >= self._interval:
            self._asked = self._clock()
            for alias in self.aliases:
                yield alias, partial(self._follow, alias)
        yield None, self._look_at_items
        for alias in self.aliases:
            yield alias, self._live[alias].look_at_stats
            yield alias, self._live[alias].look_at_vectors
            yield alias, self._live[alias].look_at_transitions

    def _follow(self, alias: str) -> bool:
        """Load the version that the alias means now, if it is another than the one that is served."""
        version = ""
        try:
            version = self._version_of(alias)
            if version == self._live[alias].version:
                self._refused.pop(alias, None)
                return False
            if self._refused.get(alias, ("", ""))[0] == version:
                return False  # it was refused before, and a version never changes
            found = self._load(version)
            if self._facts is not None:
                found.know(self._facts)
            self._made(alias, found)  # now: a release that a policy cannot be served from is refused like a damaged one
        except DependencyUnavailable:
            raise  # it will be there later
        except MarqueeError as error:
            self._refuse(alias, version, error.detail)
            return False
        _log.info("%s is version %s now, release %s", alias, version, found.snapshot.name)
        self._live[alias] = found
        self._refused.pop(alias, None)
        RELEASE_SWAPS.labels("served").inc()
        return True

    def _refuse(self, alias: str, version: str, why: str) -> None:
        if self._refused.get(alias) == (version, why):
            return
        self._refused[alias] = (version, why)
        RELEASE_SWAPS.labels("refused").inc()
        served = self._live[alias].version
        _log.error("version %s of %s cannot be served, %s goes on: %s", version or "?", alias, served, why)

    def _look_at_items(self) -> bool:
        facts = self._items()
        if facts is None:
            return False
        self._facts = facts
        for live in self._live.values():
            live.know(facts)
        return True

    def _made(self, alias: str, live: LiveRelease) -> dict[str, Recommender]:
        """Recommenders for the arms on this alias. Raises BundleCorrupt for a release that lacks what a policy needs."""
        return {
            name: Recommender(live.snapshot, self._policies[name], self._threads, self._side_effects)
            for name, arm in self.experiment.arms.items()
            if arm.release == alias
        }

    def _replace(self, aliases: tuple[str, ...]) -> None:
        """New recommenders for the arms on these aliases."""
        before = {made.snapshot.name for made in self._recommenders.values()}
        made = {name: one for alias in aliases for name, one in self._made(alias, self._live[alias]).items()}
        self._recommenders = {**self._recommenders, **made}
        served = {made.snapshot.name for made in self._recommenders.values()}
        for name in before - served:
            RELEASE_INFO.labels(name).set(0)
        for name in served:
            RELEASE_INFO.labels(name).set(1)
        self._report()

    def _report(self) -> None:
        """Say in metrics what is served."""
        for alias, live in self._live.items():
            MODEL_TRAINED_UNTIL.labels(alias).set(live.snapshot.release.manifest.trained_until)
        for name, policy in self._policies.items():
            POLICY_INFO.labels(name, policy.id).set(1)
        CANARY_SHARE.set(sum(arm.share for arm in self.experiment.arms.values() if arm.release == CANARY))
        main = self._live[self.experiment.arms[self.experiment.largest].release]
        SERVED_VERSION.set(main.learned_version)
        SERVED_TIMESTAMP.labels("statistics").set(main.snapshot.stats.as_of)
        SERVED_TIMESTAMP.labels("item_vectors").set(main.learned_at or main.snapshot.release.manifest.trained_until)
