"""A consumer group reads one topic: with several, a member may have no partitions and stand still for good."""

from __future__ import annotations

from core.events import IMPRESSIONS, INTERACTIONS, LISTS
from lake import tables
from streaming.loops.lake_loop import group_of
from streaming.topics import SPECS


def test_no_two_topics_wait_for_the_same_group() -> None:
    awaited = [group for spec in SPECS for group in spec.awaited]
    assert len(set(awaited)) == len(awaited)


def test_the_log_keeps_what_the_lake_has_not_read() -> None:
    table_of = {INTERACTIONS: tables.INTERACTIONS, IMPRESSIONS: tables.IMPRESSIONS, LISTS: tables.LISTS}
    for spec in SPECS:
        if spec.name in table_of:
            assert group_of(table_of[spec.name]) in spec.awaited
