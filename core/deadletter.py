"""The dead-letter record: an event that could not be used, whole, with the reason. Nothing is dropped in silence."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass

from core.errors import InvalidInput
from core.ports import Record


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`reason` is a short slug that metrics count by; `detail` is for people; `value` is the event's bytes unchanged."""

    topic: str
    reason: str
    detail: str
    value: bytes
    ts: float  # Unix seconds when it was set aside
    partition: int = -1  # place in the topic; -1 if it never reached the log
    offset: int = -1


def to_record(letter: DeadLetter, key: str) -> Record:
    """The record for the dead-letter topic. Its id hangs on the contents, so setting aside twice stores once."""
    body = asdict(letter) | {"value": base64.b64encode(letter.value).decode()}
    digest = hashlib.sha256(f"{letter.topic}:{letter.reason}:".encode() + letter.value).hexdigest()[:32]
    return Record(key=key, id=digest, value=json.dumps(body).encode())


def from_bytes(raw: bytes) -> DeadLetter:
    """The inverse of `to_record(...).value`. Raises InvalidInput."""
    try:
        body = json.loads(raw)
        return DeadLetter(**(body | {"value": base64.b64decode(body["value"])}))
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInput("dead letter", raw[:80], f"JSON written by core.deadletter ({error})") from error
