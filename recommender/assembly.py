"""A policy and a release as it stands now -> a pipeline that can run."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from core.breaker import Breaker
from recommender.completion import Completion
from recommender.eligibility import Eligibility
from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.policy import Policy
from recommender.runner import Pipeline, TimedSource, Waits
from recommender.slots import Slots

_THREADS = 8  # per source: more requests than that wait in line for it
_FAILURES = 3  # in a row, after which a source is not waited for: one alone may be this process's own slowness
_RETRY_AFTER = 1.0  # seconds after which it is asked again, behind an answer


class SourceThreads:
    """The threads that sources run in, and whether each source is worth waiting for.

    All recommenders of a process share them, so that replacing a release neither starts nor leaks a thread. Sources are told
    apart by their settings: an external service that hangs is not held against one at another address.
    """

    def __init__(self) -> None:
        self._waits: dict[SourceConfig, Waits] = {}
        self._lock = threading.Lock()

    def of(self, source: SourceConfig) -> Waits:
        with self._lock:
            if source not in self._waits:
                name = f"source {source.part}"
                threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=name)
                self._waits[source] = Waits(threads, Breaker(name, _RETRY_AFTER, _FAILURES))
            return self._waits[source]

    def close(self) -> None:
        for waits in self._waits.values():
            waits.threads.shutdown(wait=False, cancel_futures=True)


def assemble(policy: Policy, now: Snapshot, threads: SourceThreads, bounded: bool = True) -> Pipeline:
    """The policy's parts, built from the snapshot. Unless `bounded`, no source has a time-out."""
    sources = [
        TimedSource(
            source=config.build(now),
            timeout=config.timeout_ms / 1e3,
            waits=threads.of(config) if bounded and config.waits(now) else None,
            fills=config.fills,
            weight=config.weight,
        )
        for config in policy.sources
    ]
    return Pipeline(
        name=policy.name,
        policy_id=policy.id,
        eligibility=Eligibility(now.catalogue, now.facts),
        filters=[config.build(now) for config in policy.filters],
        sources=sources,
        hydrators=[config.build(now) for config in policy.hydrators],
        scorers=[config.build(now) for config in policy.scorers],
        selector=policy.selector.build(now),
        completion=Completion(now.popularity),
        slots=Slots(policy.slots, now),
    )
