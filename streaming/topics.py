"""The desired state of the topics (partitions, retention, compaction), and the port that applies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.events import DEADLETTER, IMPRESSIONS, INTERACTIONS, LISTS

DAY = 86_400.0
MIB = 2**20


@dataclass(frozen=True)
class TopicSpec:
    """One topic.

    `retention` is seconds after which a record may be deleted, `max_bytes` the size above which a partition drops its oldest. A
    `compacted` topic forgets a key once a record without a value closed it. `awaited` names the groups without whose commit
    the embedded log deletes nothing; Kafka deletes by age and size alone, so there retention must outlast any pause of theirs.
    """

    name: str
    partitions: int
    retention: float
    max_bytes: int | None = None
    compacted: bool = False
    max_message_bytes: int = MIB
    awaited: tuple[str, ...] = ()


# Interactions are kept for a month: the lake has them all, but only the log can bring features and lake up again together.
# Dead letters are keyed by letter, so that replaying or dropping one removes it; they carry events in Base64, hence the size.
SPECS: tuple[TopicSpec, ...] = (
    TopicSpec(INTERACTIONS, partitions=6, retention=30 * DAY, awaited=("features", "lake")),
    TopicSpec(IMPRESSIONS, partitions=6, retention=14 * DAY, awaited=("lake.impressions",)),
    TopicSpec(LISTS, partitions=6, retention=14 * DAY, awaited=("lake.lists",)),
    TopicSpec(DEADLETTER, partitions=1, retention=90 * DAY, compacted=True, max_message_bytes=16 * MIB),
)


@dataclass(frozen=True)
class Change:
    """One difference between a topic and its spec. `refused` says why it is not made, and what to do instead."""

    topic: str
    what: str
    before: str
    after: str
    refused: str = ""


class TopicAdmin(Protocol):
    """Brings topics in line with their specs. Both methods raise DependencyUnavailable."""

    def plan(self, specs: Sequence[TopicSpec]) -> list[Change]:
        """What `apply` would do; changes nothing."""

    def apply(self, specs: Sequence[TopicSpec]) -> list[Change]:
        """Make the changes that are not refused; returns the plan. A second call finds nothing to do."""
