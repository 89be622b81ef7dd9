"""Replays dead letters that have become usable: each goes through the log again, exactly once."""

from __future__ import annotations

from collections.abc import Sequence

from core.deadletter import DeadLetter, closing_record
from core.events import DEADLETTER, IMPRESSIONS, LISTS, Impression, Interaction, ListMade, ShownPage
from core.ports import EventLog, LoggedRecord, Record
from streaming.decoding import Contract, decode, decode_impressions, decode_list


def repaired(letter: DeadLetter, contract: Contract, now: float) -> Record | DeadLetter:
    """The record to append to the letter's topic, or a letter that says why it still cannot be used."""
    record = LoggedRecord(letter.topic, letter.partition, letter.offset, "", letter.id, letter.value, now)
    event = _event(record, contract, now)
    if isinstance(event, DeadLetter):
        return event
    return Record(str(event.user_id), _id(letter, event.event_id), letter.value)


def _event(record: LoggedRecord, contract: Contract, now: float) -> Interaction | Impression | ShownPage | ListMade | DeadLetter:
    """What the topic's readers would make of the record."""
    if record.topic == LISTS:
        return decode_list(record, now)
    if record.topic == IMPRESSIONS:
        shown = decode_impressions(record, now, contract.items)
        return shown if isinstance(shown, DeadLetter) else shown.event
    done = decode(record, contract, now)
    return done if isinstance(done, DeadLetter) else done.event


def replay(log: EventLog, letters: Sequence[tuple[DeadLetter, Record]]) -> int:
    """Append each letter's record to its topic, then close the letter; returns how many were new to the log.

    Idempotent: after an error, or a crash between the two, the same call appends what is there already, which the log knows
    by its id. Raises DependencyUnavailable.
    """
    new = 0
    for topic in sorted({letter.topic for letter, _ in letters}):
        new += log.append(topic, [record for letter, record in letters if letter.topic == topic])
    close(log, [letter for letter, _ in letters])
    return new


def close(log: EventLog, letters: Sequence[DeadLetter]) -> None:
    """Take the letters off the list for good. Raises DependencyUnavailable."""
    log.append(DEADLETTER, [closing_record(letter.id) for letter in letters])


def _id(letter: DeadLetter, event_id: str) -> str:
    """The log has a record under the event's own id already, unless the event never got that far."""
    return event_id if letter.offset < 0 else f"replay:{letter.id}"
