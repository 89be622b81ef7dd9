"""Decodes a record of the log into an event, or into a dead letter that says why it is not one.

Pure: a record decodes the same way whenever it is read. An event's time is compared with the time at which the log accepted
it, so that every consumer group, and every later read, gets the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from core.deadletter import DeadLetter
from core.events import DEFAULT_CLOCK_RULE, ClockRule, Impression, Interaction, ListMade, ShownPage, check_clock
from core.ids import ExternalId, user_key
from core.ports import LoggedRecord
from core.telemetry import EVENTS_FORGOTTEN

# Why a record cannot be used: what metrics count by and `marquee deadletter list --reason` takes
TOO_LARGE = "too_large"  # more bytes than any event has
ENCODING = "encoding"  # not UTF-8
ID_COLLISION = "id_collision"  # another user has the same key
MALFORMED = "malformed"  # not JSON
SCHEMA_VERSION = "schema_version"  # a version that this code does not know
SCHEMA = "schema"  # breaks the contract
UNKNOWN_ITEM = "unknown_item"  # can be replayed when the catalogue has the item
CLOCK = "clock"  # a time that cannot be true
REASONS = (TOO_LARGE, ENCODING, MALFORMED, SCHEMA_VERSION, SCHEMA, UNKNOWN_ITEM, CLOCK, ID_COLLISION)

MAX_EVENT_BYTES = 16_384  # of an event; the contract's fields come to less than one kilobyte
MAX_LIST_BYTES = 131_072  # of what is logged of a list: a hundred items whose ids may have 128 characters each

_PAGES = ShownPage.model_fields["schema_version"].default
Event = TypeVar("Event", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record, the interaction in it, and the keys of its user and its item."""

    record: LoggedRecord
    event: Interaction
    user: int
    item: int


class ItemKeys(Protocol):
    """The one authority on which items exist: the catalogue as it is now."""

    def key_of(self, id_: ExternalId) -> int:
        """The key of an item, -1 for one that is not in the catalogue."""

    def key_ever(self, id_: ExternalId) -> int:
        """The key of an item that is or was in the catalogue, -1 for one that never was."""


@dataclass(frozen=True)
class IntegerKeys:
    """A fixed set of items whose ids are their keys."""

    keys: frozenset[int]

    def key_of(self, id_: ExternalId) -> int:
        return id_ if isinstance(id_, int) and id_ in self.keys else -1

    def key_ever(self, id_: ExternalId) -> int:
        return id_ if isinstance(id_, int) else -1


def _nobody(user: int, ts: float) -> bool:  # noqa: ARG001 - the signature of `Contract.forgets`
    return False


@dataclass(frozen=True)
class Contract:
    """What an interaction must keep to besides its own schema: a known item, a believable time.

    `forgets` says of a user's key and a time (Unix seconds) whether the user was erased after that: such an event is nobody's.
    """

    items: ItemKeys
    clock: ClockRule = DEFAULT_CLOCK_RULE
    forgets: Callable[[int, float], bool] = _nobody


def decode(record: LoggedRecord, contract: Contract, now: float) -> Decoded | DeadLetter:
    """The interaction in a record, or a dead letter dated `now` (Unix seconds)."""
    event = _parsed(record, Interaction, now)
    if isinstance(event, DeadLetter):
        return event
    item = contract.items.key_of(event.item_id)
    if item < 0:
        return dead(record, UNKNOWN_ITEM, f"item {event.item_id} is not in the catalogue", now)
    if complaint := check_clock(event, record.appended_at, contract.clock):
        return dead(record, CLOCK, complaint, now)
    return Decoded(record, event, user_key(event.user_id), item)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record of the impressions' topic: the event in it, the impressions that it stands for, and the keys of their items."""

    event: Impression | ShownPage
    impressions: Sequence[Impression]
    items: Sequence[int]


def decode_impressions(record: LoggedRecord, now: float, items: ItemKeys) -> Shown | DeadLetter:
    """The impressions in a record, or a dead letter dated `now` (Unix seconds): one, or since version 4 those of a page.

    An item may have left the catalogue: it was shown, whatever has become of it since. An integer id is therefore always
    accepted.
    """
    page = _is_page(record)
    event = _parsed(record, ShownPage, now, MAX_LIST_BYTES) if page else _parsed(record, Impression, now)
    if isinstance(event, DeadLetter):
        return event
    impressions = event.impressions() if isinstance(event, ShownPage) else [event]
    keys = [items.key_ever(one.item_id) for one in impressions]
    unknown = next((one.item_id for one, key in zip(impressions, keys, strict=True) if key <= 0), None)
    if unknown is not None:
        return dead(record, UNKNOWN_ITEM, f"item {unknown} was never in the catalogue", now)
    return Shown(event, impressions, keys)


def _is_page(record: LoggedRecord) -> bool:
    """Whether a record of the impressions' topic is of version 4. What cannot be read is left to the validation to name."""
    try:
        found = orjson.loads(record.value)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("schema_version") == _PAGES


def decode_list(record: LoggedRecord, now: float) -> ListMade | DeadLetter:
    """How a list was made, as a record says, or a dead letter dated `now` (Unix seconds)."""
    return _parsed(record, ListMade, now, MAX_LIST_BYTES)


def decode_all(records: Iterable[LoggedRecord], contract: Contract, now: float) -> tuple[list[Decoded], list[DeadLetter]]:
    """The interactions in these records, and the dead letters, each in the records' order.

    Those of a user who was erased since are in neither.
    """
    good: list[Decoded] = []
    letters: list[DeadLetter] = []
    for record in records:
        outcome = decode(record, contract, now)
        if isinstance(outcome, Decoded):
            if contract.forgets(outcome.user, outcome.event.ts):
                EVENTS_FORGOTTEN.inc()
            else:
                good.append(outcome)
        else:
            letters.append(outcome)
    return good, letters


def _parsed(record: LoggedRecord, schema: type[Event], now: float, most: int = MAX_EVENT_BYTES) -> Event | DeadLetter:
    if len(record.value) > most:
        return dead(record, TOO_LARGE, f"{len(record.value)} bytes; allowed: at most {most}", now)
    try:
        return schema.model_validate_json(record.value)
    except ValidationError as error:
        return dead(record, *_complaint(record.value, error), now)


def _complaint(value: bytes, error: ValidationError) -> tuple[str, str]:
    """The reason and its detail."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "event"
    detail = f"{where}: {first['msg']}"
    if first["type"] != "json_invalid":
        return (SCHEMA_VERSION if where == "schema_version" else SCHEMA), detail
    try:
        value.decode()
    except UnicodeDecodeError as broken:
        return ENCODING, f"byte {broken.start} is not UTF-8: {broken.reason}"
    return MALFORMED, detail


def dead(record: LoggedRecord, reason: str, detail: str, now: float) -> DeadLetter:
    """A letter for a record that cannot be used."""
    return DeadLetter(record.topic, reason, detail, record.value, now, record.partition, record.offset)
