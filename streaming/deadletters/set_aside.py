"""Setting records aside: what cannot be used goes whole to the dead-letter topic, with the reason, and is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.deadletter import DeadLetter, to_record
from core.events import DEADLETTER
from core.ports import EventLog
from core.telemetry import EVENTS_QUARANTINED


def set_aside(log: EventLog, dead: Sequence[DeadLetter]) -> bool:
    """Durable when it returns; a repeat stores and counts nothing. True, for `until_it_works`."""
    if dead and log.append(DEADLETTER, [to_record(letter) for letter in dead]):
        for reason, count in Counter(letter.reason for letter in dead).items():
            EVENTS_QUARANTINED.labels(reason).inc(count)
    return True
