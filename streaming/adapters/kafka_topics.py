"""Creates Kafka's topics from their specs and brings existing ones in line with them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, OffsetSpec
from kafka.errors import TopicAlreadyExistsError

from streaming.adapters.kafka_sdk import connection, opened, translated
from streaming.topics import Change, TopicSpec

_REPARTITIONED = (
    "users would move to other partitions, whose offsets mean nothing to their features; make a new topic and replay into it"
)


class KafkaTopics:
    """TopicAdmin on Kafka. A config that a spec does not name is left as it is."""

    def __init__(self, bootstrap: str, timeout: float = 5.0) -> None:
        """`timeout` bounds each call, in seconds."""
        self._bootstrap = bootstrap
        self._timeout = timeout

    def plan(self, specs: Sequence[TopicSpec]) -> list[Change]:
        with translated(self._bootstrap), closing(self._admin()) as admin:
            return _plan(admin, specs)

    def apply(self, specs: Sequence[TopicSpec]) -> list[Change]:
        with translated(self._bootstrap), closing(self._admin()) as admin:
            changes = _plan(admin, specs)
            create(admin, specs)
            for spec in specs:
                wanted = {one.what: one.after for one in changes if one.topic == spec.name and one.what in _configs(spec)}
                if wanted:
                    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name, wanted)])
            return changes

    def _admin(self) -> KafkaAdminClient:
        return opened(KafkaAdminClient, **connection(self._bootstrap, self._timeout))


def create(admin: KafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    """Create the missing topics with the broker's default replication factor."""
    existing = set(admin.list_topics())
    missing = {
        one.name: {"num_partitions": one.partitions, "configs": _configs(one)} for one in specs if one.name not in existing
    }
    if missing:
        try:
            admin.create_topics(missing, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            admin.wait_for_topics(list(missing))  # another process was faster


def backlog(admin: KafkaAdminClient, topic: str, group: str) -> int:
    """How many of a topic's records the group has yet to commit; asks as somebody who is no member."""
    numbers = [one["partition_index"] for one in admin.describe_topics([topic])[0]["partitions"]]
    places = [TopicPartition(topic, number) for number in numbers]
    begins, ends = (
        admin.list_partition_offsets(dict.fromkeys(places, which)) for which in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    )
    done = admin.list_group_offsets({group: places})[group]
    committed = {place: found.offset for place, found in done.items() if found.offset >= 0}
    return sum(max(0, ends[place].offset - max(begins[place].offset, committed.get(place, 0))) for place in places)


def _plan(admin: KafkaAdminClient, specs: Sequence[TopicSpec]) -> list[Change]:
    existing = set(admin.list_topics())
    known = [spec for spec in specs if spec.name in existing]
    partitions = {one["name"]: len(one["partitions"]) for one in admin.describe_topics([spec.name for spec in known])}
    changes = []
    for spec in specs:
        if spec.name not in existing:
            changes.append(Change(spec.name, "topic", "missing", f"{spec.partitions} partitions"))
            continue
        if partitions[spec.name] != spec.partitions:
            refused = _REPARTITIONED
            changes.append(Change(spec.name, "partitions", str(partitions[spec.name]), str(spec.partitions), refused))
        changes += _differences(spec, _current(admin, spec))
    return changes


def _differences(spec: TopicSpec, current: dict[str, str]) -> list[Change]:
    return [
        Change(spec.name, name, current[name], value)
        for name, value in _configs(spec).items()
        if sorted(current[name].split(",")) != sorted(value.split(","))
    ]


def _current(admin: KafkaAdminClient, spec: TopicSpec) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, spec.name, list(_configs(spec)))
    described: dict[str, dict[str, Any]] = admin.describe_configs([resource], config_filter="all")
    return {name: str(found["value"]) for of_kind in described.values() for name, found in of_kind[spec.name].items()}


def _configs(spec: TopicSpec) -> dict[str, str]:
    return {
        "cleanup.policy": "compact,delete" if spec.compacted else "delete",
        "retention.ms": str(round(spec.retention * 1000)),
        "retention.bytes": str(-1 if spec.max_bytes is None else spec.max_bytes),
        "max.message.bytes": str(spec.max_message_bytes),
    }
