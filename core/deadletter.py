"""The dead-letter record: an event that could not be used, unabridged, with the reason. Nothing is dropped silently.

A letter is open until it is replayed or dropped, which appends a record with its key and no value. Kafka's compaction later
removes both, and `open_letters` skips them until then.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields

from core.errors import InvalidInput
from core.ports import LoggedRecord, Record

MAX_KEPT_BYTES = 8 * 2**20  # bytes of an event that are kept: a longer letter would not fit into its topic


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`reason` is a short slug that metrics count by; `detail` is for people; `value` is the event's bytes unchanged."""

    topic: str
    reason: str
    detail: str
    value: bytes
    ts: float  # Unix seconds when it was quarantined
    partition: int = -1  # place in the topic; -1 if it never reached the log
    offset: int = -1

    @property
    def id(self) -> str:
        """Depends on the content and place of the record, so that quarantining the same record twice makes one letter."""
        place = f"{self.topic}:{self.partition}:{self.offset}:".encode()
        return hashlib.sha256(place + self.value).hexdigest()[:16]


_FIELDS = tuple(field.name for field in fields(DeadLetter))


def to_record(letter: DeadLetter) -> Record:
    """The record for the dead-letter topic."""
    kept = letter.value[:MAX_KEPT_BYTES]
    body = {name: getattr(letter, name) for name in _FIELDS} | {"value": base64.b64encode(kept).decode()}
    if len(kept) < len(letter.value):
        body["detail"] = f"{letter.detail}; only the first {len(kept)} of its {len(letter.value)} bytes are kept"
    return Record(key=letter.id, id=letter.id, value=json.dumps(body).encode())


def closing_record(letter_id: str) -> Record:
    """The record that closes a letter."""
    return Record(key=letter_id, id=f"{letter_id}:closed", value=b"")


def from_bytes(raw: bytes) -> DeadLetter:
    """The inverse of `to_record(...).value`. Raises InvalidInput."""
    try:
        body = json.loads(raw)
        return DeadLetter(**(body | {"value": base64.b64decode(body["value"])}))
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInput("dead letter", raw[:80], f"JSON written by core.deadletter ({error})") from error


def open_letters(records: Iterable[LoggedRecord]) -> dict[str, DeadLetter]:
    """Letters that nobody replayed or dropped, by id (the records' key), oldest first."""
    found: dict[str, DeadLetter] = {}
    for record in records:
        if record.value:
            found[record.key] = from_bytes(record.value)
        else:
            found.pop(record.key, None)
    return found
