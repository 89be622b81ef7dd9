"""The same page again: lists of a moment ago, shown once more while nothing that they were made from has changed.

A list is kept with what it was made from: the arm, the release, the policy, what is known of the items, and the position of the
user's features in the event log. So an event of the user, a release, an experiment or a hidden item ends it at once, in every
process and without a message from anybody: whoever has newer features sees that the list is of older ones. What is popular, and
what online learning moves, may be some seconds older than in a new list.

Shown again it is the same page, with its `request_id`: one list and one impression of each item, as a page that is loaded twice.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from cachetools import LRUCache

from core.ports import Monotonic
from core.telemetry import LIST_CACHE, LIST_CACHE_AGE
from recommender.host import Chosen

CacheKey = tuple[int, Hashable]  # the user's key, and all that was asked for


@dataclass(frozen=True)
class CacheConfig:
    """A list is shown again for `seconds`, give or take a fifth, so that those of one burst do not end together; 0: never.

    While the feature store does not answer, lists of up to `stale_seconds` are better than what is popular.
    """

    seconds: float = 0.0
    stale_seconds: float = 600.0
    max_bytes: int = 32 * 2**20


class Answer(NamedTuple):
    """A list as it is sent; `age` is in seconds, and 0 for one that was made for this request."""

    body: bytes
    request_id: str
    age: float = 0.0


class ListVersion(NamedTuple):
    """What a list was made from; two that are equal would give lists of the same taste."""

    arm: str
    release: str
    policy: str
    facts: weakref.ref[object]  # equal while it is the same object, and to nothing once that is gone
    features: Hashable

    @classmethod
    def of(cls, chosen: Chosen, features: Hashable) -> ListVersion:
        """`features`: the version of what is stored of the user."""
        now = chosen.recommender.snapshot
        return cls(chosen.arm, now.name, chosen.recommender.policy_id, weakref.ref(now.facts), features)


class _Kept(NamedTuple):
    body: bytes
    request_id: str
    at: float
    fresh_until: float
    version: ListVersion


_HITS, _MISSES = LIST_CACHE.labels("hit"), LIST_CACHE.labels("miss")


class ListCache:
    """Lists by user and request. Used from the event loop alone. Those that were not asked for longest go first."""

    def __init__(self, config: CacheConfig = CacheConfig(), clock: Monotonic = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._kept: LRUCache[CacheKey, _Kept] = LRUCache(config.max_bytes, _size)

    def get(self, key: CacheKey, version: ListVersion) -> Answer | None:
        """The list, if it is fresh and what it was made from is what a new one would be made from."""
        found = self.again(key, version)
        if found is None and self._config.seconds:
            _MISSES.inc()
        return found

    def again(self, key: CacheKey, version: ListVersion) -> Answer | None:
        """As `get`, for one who will ask again where there is none."""
        kept, now = self._kept.get(key), self._clock()
        if kept is None or kept.fresh_until <= now or kept.version != version:
            return None
        _HITS.inc()
        LIST_CACHE_AGE.observe(now - kept.at)
        return Answer(kept.body, kept.request_id, now - kept.at)

    def stale(self, key: CacheKey, version: ListVersion) -> Answer | None:
        """The list, if all but the user's features is as it was: for when those cannot be had."""
        kept, now = self._kept.get(key), self._clock()
        if kept is None or kept.version[:-1] != version[:-1] or now - kept.at > self._config.stale_seconds:
            return None
        LIST_CACHE.labels("stale").inc()
        LIST_CACHE_AGE.observe(now - kept.at)
        return Answer(kept.body, kept.request_id, now - kept.at)

    def keep(self, key: CacheKey, version: ListVersion, answer: Answer) -> None:
        """Unless nothing is to be shown again."""
        if not self._config.seconds:
            return
        now = self._clock()
        jitter = 0.8 + 0.4 * int(answer.request_id[:4], 16) / 0xFFFF
        fresh_until = now + self._config.seconds * jitter
        self._kept[key] = _Kept(answer.body, answer.request_id, now, fresh_until, version)

    def forget(self, user: int) -> None:
        """What is kept for a user (key)."""
        for key in [key for key in self._kept if key[0] == user]:
            del self._kept[key]


def _size(kept: _Kept) -> int:
    """Bytes, about."""
    stored = kept.version.features
    return (
        500 + len(kept.body) + (sum(len(part) for part in stored if isinstance(part, bytes)) if isinstance(stored, tuple) else 0)
    )
