"""A policy and a release as it stands now -> a pipeline that can run."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor

from recommender.completion import Completion
from recommender.eligibility import Eligibility
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.runner import Pipeline, TimedSource
from recommender.slots import Slots

_THREADS = 8  # per source: more requests than that wait in line for it


class SourceThreads:
    """The threads that sources run in, by the name of the source.

    All recommenders of a process share them, so that replacing a release neither starts nor leaks a thread.
    """

    def __init__(self) -> None:
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    def of(self, source: str) -> Executor:
        with self._lock:
            if source not in self._pools:
                self._pools[source] = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"source {source}")
            return self._pools[source]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


def assemble(policy: Policy, now: Snapshot, threads: SourceThreads, bounded: bool = True) -> Pipeline:
    """The policy's parts, built from the snapshot. Unless `bounded`, no source has a time-out."""
    sources = [
        TimedSource(
            source=config.build(now),
            timeout=config.timeout_ms / 1e3,
            threads=threads.of(config.part) if bounded and config.waits(now) else None,
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
