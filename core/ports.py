"""The ports: what Marquee needs from other systems. Small protocols, no vendor type in a signature.

Each has an in-memory or embedded adapter and the real one, and one contract suite in `tests/contract` that runs on all
of them. An adapter raises `DependencyUnavailable` when its service cannot answer, and nothing of its SDK leaks out.
"""

from __future__ import annotations

from collections.abc import Coroutine, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.features import UserFeatures


class Clock(Protocol):
    """The wall clock: now, in Unix seconds UTC. `time.time` is one; a test passes its own."""

    def __call__(self) -> float: ...


class Monotonic(Protocol):
    """A clock for durations: seconds since an arbitrary origin, never going back. `time.monotonic` is one."""

    def __call__(self) -> float: ...


class Echo(Protocol):
    """Where a long task reports its progress, a line at a time; `print` is one."""

    def __call__(self, line: str, /) -> object: ...


# --- vectors ---------------------------------------------------------------------------------------------------------


@runtime_checkable
class VectorIndex(Protocol):
    """Item embeddings of releases, one collection per release; a user vector only meets the items of its own release."""

    @property
    def in_process(self) -> bool:
        """Whether a search only computes here; one that may wait for a service is asked from a thread, under a time-out."""

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Store [n] ids and [n, d] vectors as the release's collection, replacing it, and point the live alias at it."""

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k items with the largest inner product with query [d]: (ids [k'], scores [k']), best first, k' = min(k, n)."""

    def ready(self, release: str) -> bool:
        """Whether the release's collection is there and complete. Raises DependencyUnavailable when nothing answers."""


@runtime_checkable
class MovableIndex(VectorIndex, Protocol):
    """An index whose items may move after they were published."""

    def move(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Replace the vectors of [m] items that the release's collection has with [m, d]. Raises NotFound, InvalidInput."""


# --- online features -------------------------------------------------------------------------------------------------


@runtime_checkable
class FeatureReader(Protocol):
    """Reads online features."""

    def read(self, user_id: int) -> UserFeatures | None:
        """The user's features, or None for a user never seen."""


@runtime_checkable
class AsyncFeatureReader(FeatureReader, Protocol):
    """Also reads from an event loop, where the store behind it can, and tells what is stored from what it means."""

    @property
    def reads_async(self) -> bool: ...

    def stored_async(self, user_id: int) -> Coroutine[Any, Any, Hashable]:
        """What is stored of a user, as it is: two that are equal mean the same. Asked for at once, before it is awaited.

        May be cancelled at any time.
        """

    def decoded(self, user_id: int, stored: Any) -> UserFeatures | None:
        """What `stored_async` answered, as `read` would have said it."""

    async def disconnect_async(self) -> None:
        """Close the connections of this event loop, before it ends."""


@runtime_checkable
class FeatureWriter(Protocol):
    """Writes and erases online features; a later write of a user replaces the earlier one whole."""

    def write(self, users: Sequence[UserFeatures]) -> None: ...

    def erase(self, user_id: int) -> None:
        """Forget the user; unknown users are not an error."""


# --- event log -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """What is appended. `key` keeps one user's events in order; `id` makes a repeated append harmless."""

    key: str
    id: str
    value: bytes
    accepted_at: float | None = None  # Unix seconds when its sender got an acknowledgement; None: the time of the append
    traceparent: str = ""  # names the trace that it belongs to (W3C); a log without room for it leaves it out


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """What is read back. (`partition`, `offset`) is its place in the topic; offsets grow within a partition."""

    topic: str
    partition: int
    offset: int
    key: str
    id: str
    value: bytes
    appended_at: float = 0.0  # Unix seconds when it was accepted
    traceparent: str = ""


class Subscription(Protocol):
    """One consumer group's place in one topic. At-least-once: what was polled but not committed comes again."""

    def poll(self, limit: int, timeout: float) -> list[LoggedRecord]:
        """Up to `limit` next records, waiting at most `timeout` seconds for the first."""

    def commit(self) -> None:
        """Mark everything polled so far as processed."""

    def lag(self) -> int:
        """How many records wait to be polled, as far as this subscription knows without asking the broker."""

    def close(self) -> None: ...


class EventLog(Protocol):
    """A durable, ordered, replayable log."""

    def append(self, topic: str, records: Sequence[Record]) -> int:
        """Durable when it returns: the number of records that were new. A known `id` is not stored twice."""

    def subscribe(self, topic: str, group: str) -> Subscription:
        """Starts at the group's last commit, or at the oldest record."""

    def read(self, topic: str) -> Iterator[LoggedRecord]:
        """Every record that the topic has now, each partition's in order, outside any group."""

    def waiting(self, topic: str, group: str) -> int:
        """How many records the group has yet to commit, without becoming a member of it."""

    def close(self) -> None: ...


# --- releases --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of the registry: what is said of it there. `created` is Unix seconds."""

    version: str
    created: float
    aliases: tuple[str, ...]  # sorted
    tags: Mapping[str, str]


class ModelRegistry(Protocol):
    """Versions of release bundles and the aliases (`candidate`, `staging`, `canary`, `production`, `previous`) on them.

    The tag `stage` of each version mirrors its aliases: Staging, Production, Archived or None.
    """

    def register(self, bundle: Path) -> str:
        """Store the bundle folder whole; returns its version."""

    def point(self, alias: str, version: str) -> None:
        """Make the alias mean this version. Raises NotFound for an unknown version."""

    def remove(self, alias: str) -> None:
        """Make the alias mean nothing; harmless to repeat."""

    def version(self, alias_or_version: str) -> str:
        """The version that an alias means now. Raises NotFound."""

    def aliases(self) -> Mapping[str, str]:
        """What each alias means now, a version; empty before the first release."""

    def fetch(self, alias_or_version: str) -> Path:
        """A local folder with that bundle. Raises NotFound."""

    def recall(self, alias_or_version: str) -> Path | None:
        """The local copy of what the name meant when it was last fetched, if there is one; asks no service."""

    def versions(self) -> list[RegisteredVersion]:
        """Every version, the oldest first."""

    def tag(self, version: str, name: str, value: str) -> None:
        """Give the version a tag, or another value of it. Raises NotFound."""

    def tags(self, version: str) -> Mapping[str, str]:
        """The tags of one version. Raises NotFound."""

    def mirror_stages(self) -> None:
        """Bring the tag `stage` of every version up to date; `point` does so for those that it touches."""


Curves = Mapping[str, Sequence[tuple[int, float]]]  # a metric by step, such as the loss by epoch


class Tracker(Protocol):
    """Records runs of an experiment."""

    def log(
        self,
        run: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        artifacts: Sequence[Path],
        curves: Curves | None = None,
        note: str = "",
    ) -> str:
        """Store the run; returns its id. Artifacts are files or folders; `note` is Markdown that describes the run."""

    def attach(self, run: str, artifacts: Sequence[Path], tags: Mapping[str, str], note: str = "") -> None:
        """Add files and tags to the latest run of this name, or replace them, and the note unless it is empty.

        Raises NotFound where there is no such run.
        """


# --- drift -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Per column: the distance between reference and current, and whether it counts as drift. `html` is for people."""

    distances: Mapping[str, float]
    drifted: Mapping[str, bool]
    html: str = ""

    @property
    def share(self) -> float:
        """The share of columns that drifted, 0 to 1."""
        return sum(self.drifted.values()) / len(self.drifted) if self.drifted else 0.0


class DriftDetector(Protocol):
    """Compares two samples, column by column."""

    def compare(
        self, reference: Mapping[str, NDArray[np.float64]], current: Mapping[str, NDArray[np.float64]]
    ) -> DriftReport: ...


# --- retraining ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RetrainAnswer:
    """Whether a retraining was started, why or why not, and when (Unix seconds) the next may start."""

    started: bool
    reason: str
    next_at: float | None = None


class Retraining(Protocol):
    """Starts retrainings, within its own rules."""

    def ask(self, trigger: str, reasons: Sequence[str]) -> RetrainAnswer:
        """Ask for one. `trigger` is one of drift, reward, accuracy, schedule, volume, manual."""
