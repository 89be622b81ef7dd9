"""Writes records that cannot be used to the dead-letter topic, unabridged and with the reason, and counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.deadletter import DeadLetter, to_record
from core.events import DEADLETTER
from core.ports import EventLog
from core.telemetry import EVENTS_QUARANTINED


def write_dead_letters(log: EventLog, dead: Sequence[DeadLetter]) -> bool:
    """Write the letters durably; writing them again stores and counts nothing. Returns True, for `retry_until_available`."""
    if dead and log.append(DEADLETTER, [to_record(letter) for letter in dead]):
        for reason, count in Counter(letter.reason for letter in dead).items():
            EVENTS_QUARANTINED.labels(reason).inc(count)
    return True
