"""The releases that aliases of the registry mean now, loaded; an alias that is moved is followed, and a release that cannot be
served is refused while the one before goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator

from core.errors import DependencyUnavailable, MarqueeError, NotFound
from core.item_facts import ItemFacts
from core.telemetry import RELEASE_SWAPS
from recommender.live import LiveRelease

_log = logging.getLogger(__name__)

# What is asked of the registry: which version an alias means, and that version, loaded and ready to be searched.
VersionOf = Callable[[str], str]
Load = Callable[[str], LiveRelease]
# Raises MarqueeError for a release that lists cannot be made from for this alias.
Check = Callable[[str, LiveRelease], object]


class FollowedReleases:
    """Loaded releases by alias. One that several aliases mean is loaded once. Not thread-safe: one follower looks."""

    def __init__(self, load: Load, version_of: VersionOf, check: Check, needed: Collection[str]) -> None:
        """Loads the `needed` aliases. Raises what `load` raises."""
        self._load = load
        self._version_of = version_of
        self._check = check
        self.refused: dict[str, tuple[str, str]] = {}  # alias -> (version, why it cannot be served)
        self.live = {alias: load(alias) for alias in needed}
        self._left: list[LiveRelease] = []  # by an alias in this look: another alias may mean it from now on

    def __getitem__(self, alias: str) -> LiveRelease:
        return self.live[alias]

    def __contains__(self, alias: str) -> bool:
        return alias in self.live

    def each(self) -> Iterator[tuple[LiveRelease, frozenset[str]]]:
        """Every loaded release once, with the aliases that mean it."""
        for live in {id(one): one for one in self.live.values()}.values():
            yield live, frozenset(alias for alias, one in self.live.items() if one is live)

    def know(self, facts: ItemFacts) -> None:
        """Go by what is known of items now."""
        for live, _ in self.each():
            live.know(facts)

    def follow(self, alias: str, facts: ItemFacts | None) -> bool:
        """Load the version that a needed alias means now, if it is another; whether it was. Raises DependencyUnavailable."""
        version = ""
        try:
            version = self._version_of(alias)
            return self._take(alias, version, facts)
        except DependencyUnavailable:
            raise  # it will be there later
        except MarqueeError as error:
            self._refuse(alias, version, error.detail)
            return False

    def follow_optional(self, alias: str, facts: ItemFacts | None) -> bool:
        """The same for an alias that may mean nothing, and then has no release. Raises DependencyUnavailable."""
        try:
            self._version_of(alias)
        except NotFound:
            return self.drop(alias)
        return self.follow(alias, facts)

    def drop(self, alias: str) -> bool:
        """Have no release for an alias; whether it had one."""
        self.refused.pop(alias, None)
        left = self.live.pop(alias, None)
        if left is not None:
            self._left.append(left)
        return left is not None

    def forget_left(self) -> None:
        """At the end of a look: what no alias means is freed with the last request that uses it."""
        self._left.clear()

    def _take(self, alias: str, version: str, facts: ItemFacts | None) -> bool:
        now = self.live.get(alias)
        if now is not None and version == now.version:
            self.refused.pop(alias, None)
            return False
        if self.refused.get(alias, ("", ""))[0] == version:
            return False  # it was refused before, and a version never changes
        found = next((one for one in (*self.live.values(), *self._left) if one.version == version), None)
        if found is None:
            found = self._load(version)
        if facts is not None:
            found.know(facts)
        self._check(alias, found)  # now: a release that a policy cannot be served from is refused like a damaged one
        _log.info("%s is version %s now, release %s", alias, version, found.snapshot.name)
        if now is not None:
            self._left.append(now)
        self.live[alias] = found
        self.refused.pop(alias, None)
        RELEASE_SWAPS.labels("served").inc()
        return True

    def _refuse(self, alias: str, version: str, why: str) -> None:
        if self.refused.get(alias) == (version, why):
            return
        self.refused[alias] = (version, why)
        RELEASE_SWAPS.labels("refused").inc()
        goes_on = f"{self.live[alias].version} goes on" if alias in self.live else "it has no users"
        _log.error("version %s of %s cannot be served, %s: %s", version or "?", alias, goes_on, why)
