"""Probes of the dependencies that serving knows by their ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from core.background import Background, Phase, State
from core.events import INTERACTIONS
from core.ports import EventLog, FeatureReader, Monotonic
from lake.ports import Lake
from lake.tables import INTERACTIONS as TABLE
from recommender.host import RecommenderHost
from serving.health import Finding, HealthCheck, Status

RECENT = 60.0  # seconds for which a failure of a background thread is shown
CONCERN_EVERY = 60.0  # seconds between two checks of the feature store's configuration
PROBE_USER = 1  # any id does: a store that answers "never seen" is up


def event_log(log: EventLog) -> HealthCheck:
    """An append of nothing: the log answers, and nothing is stored."""

    def probe() -> Finding:
        return _timed(lambda: log.append(INTERACTIONS, []))

    return HealthCheck("event_log", probe)


def feature_store(
    reader: FeatureReader, concern: Callable[[], str | None] = lambda: None, clock: Monotonic = time.monotonic
) -> HealthCheck:
    """Without it every list is the popular one. `concern`, checked rarely, names a setting that loses users."""
    checked, warning = float("-inf"), None

    def probe() -> Finding:
        nonlocal checked, warning
        found = _timed(lambda: reader.read(PROBE_USER))
        if clock() - checked > CONCERN_EVERY:
            warning, checked = concern(), clock()
        return Finding(Status.DEGRADED, warning) if warning else found

    return HealthCheck("feature_store", probe)


def vector_index(host: RecommenderHost) -> HealthCheck:
    """Whether the collection of the release is there, or the mirror answers in its place."""

    def probe() -> Finding:
        now = host.main.snapshot
        ready = now.index.ready(now.name)
        if now.search_degraded():
            return Finding(Status.DEGRADED, "the in-process mirror answers instead")
        if not ready:
            return Finding(Status.DOWN, f"no complete collection of release {now.name}; run `marquee index publish`")
        return Finding(Status.UP, f"release {now.name}")

    return HealthCheck("vector_index", probe)


def release(host: RecommenderHost) -> HealthCheck:
    """The release that is loaded, which nothing can be served without, and whether a newer one was refused."""

    def probe() -> Finding:
        name = host.main.snapshot.name
        for alias, (version, why) in host.refused.items():
            if not version:  # the registry does not know the alias any more
                return Finding(Status.DEGRADED, f"{name} goes on from its local copy: {why}")
            return Finding(Status.DEGRADED, f"{alias} is version {version}, serving {name}: that version was refused: {why}")
        return Finding(Status.UP, name)

    return HealthCheck("release", probe, needed=True)


def experiments(host: RecommenderHost) -> HealthCheck:
    """The experiments that this process serves; degraded while one runs that it cannot serve."""

    def probe() -> Finding:
        for name, why in host.set_aside.items():
            return Finding(Status.DEGRADED, f"{name} runs and is not served here: {why}")
        return Finding(Status.UP, ", ".join(one.name for one in host.running) or "none runs")

    return HealthCheck("experiments", probe)


def lake(tables: Lake) -> HealthCheck:
    """Whether interactions were ever written, and at which version they are."""

    def probe() -> Finding:
        version = tables.version(TABLE)
        if version < 0:
            return Finding(Status.DOWN, "no interactions were ever written; run `marquee data load`")
        return Finding(Status.UP, f"interactions at version {version}")

    return HealthCheck("lake", probe)


def background(threads: Sequence[Background]) -> HealthCheck:
    """Degraded while a thread restarts, and for a minute after; down when one is not running at all."""

    def probe() -> Finding:
        found = {thread.name: thread.state for thread in threads}
        worst = max((_status(state) for state in found.values()), key=list(Status).index, default=Status.UP)
        concerns = [f"{name}: {_described(state)}" for name, state in found.items() if _status(state) is not Status.UP]
        return Finding(worst, "; ".join(concerns) or f"{len(found)} threads run")

    return HealthCheck("background", probe)


def _status(state: State) -> Status:
    if state.phase is Phase.STOPPED:
        return Status.DOWN
    return Status.DEGRADED if state.phase is Phase.RESTARTING or state.failed_ago < RECENT else Status.UP


def _described(state: State) -> str:
    return f"{state} after {state.error}, {state.failed_ago:.0f} s ago" if state.phase is Phase.RUNNING else str(state)


def _timed(call: Callable[[], object]) -> Finding:
    start = time.perf_counter()
    call()
    return Finding(Status.UP, f"answered in {(time.perf_counter() - start) * 1e3:.1f} ms")
