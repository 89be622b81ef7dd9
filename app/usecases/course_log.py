"""Reads a course log from a file, from standard input or from a topic, and sends its events to the event log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import polars as pl

from app import wiring
from app.usecases.steps import NO_DATA
from core.deadletter import DeadLetter
from core.errors import InvalidInput, NotFound
from core.events import INTERACTIONS, Interaction
from core.ids import ExternalId, parse_id
from core.item_facts import ItemFacts
from core.ports import EventLog, Record
from core.settings import Settings
from lake.items_feed import KnownItems
from streaming.course_log.events import CourseLog
from streaming.course_log.movies import MovieIds
from streaming.course_log.sessions import Sessions
from streaming.deadletters.writing import write_dead_letters
from streaming.decoding import MAX_EVENT_BYTES

_BATCH = 500


@dataclass
class Summary:
    """What an import found in a log. `new` events were not in the event log yet."""

    lines: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    new: int = 0


def import_lines(
    settings: Settings, lines: Iterable[bytes], table: Mapping[str, ExternalId], gap: float, complete: bool, dry_run: bool
) -> Summary:
    """Send the lines' events to the log in batches, and what cannot be used to the dead-letter topic.

    Harmless to repeat. `gap` is in seconds. Raises NotFound without a catalogue, and DependencyUnavailable.
    """
    facts = KnownItems(wiring.lake(settings)).facts
    if not len(facts):
        raise NotFound(NO_DATA)
    course = CourseLog(MovieIds(_items(facts), table), Sessions(gap), time.time(), wiring.clock_rule(settings))
    summary = Summary(lines=course.seen)
    with closing(wiring.event_log(settings)) as log:
        found = course.read(lines, complete)
        while batch := list(islice(found, _BATCH)):
            _send(log, batch, summary, dry_run)
    return summary


def from_topic(settings: Settings, topic: str) -> Iterator[bytes]:
    """Every line that the topic has now."""
    with closing(wiring.event_log(settings)) as log:
        for record in log.read(topic):
            yield record.value


def from_stream(stream: BinaryIO) -> Iterator[bytes]:
    """Its lines; of one that is longer than any event only the beginning, so that memory is bounded."""
    while line := stream.readline(MAX_EVENT_BYTES + 1):
        rest = line
        while not rest.endswith(b"\n") and len(rest) > MAX_EVENT_BYTES:
            rest = stream.readline(MAX_EVENT_BYTES + 1)
        if line.strip():
            yield line


def movie_table(path: Path) -> dict[str, ExternalId]:
    """From a CSV with columns id and item_id. Raises InvalidInput."""
    try:
        frame = pl.read_csv(path, infer_schema=False).select("id", "item_id")
        return {name: parse_id(item) for name, item in frame.drop_nulls().iter_rows()}
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise InvalidInput("--movies", str(path), f"a CSV with columns id and item_id ({str(error).splitlines()[0]})") from error


def _items(facts: ItemFacts) -> Iterator[tuple[ExternalId, str, int]]:
    """Id, title and year of every item."""
    for row, (key, year) in enumerate(zip(facts.keys.tolist(), facts.years.tolist(), strict=True)):
        yield facts.id_of(key), facts.title(row), year


def _send(log: EventLog, batch: Iterable[Interaction | DeadLetter], summary: Summary, dry_run: bool) -> None:
    events: list[Interaction] = []
    dead: list[DeadLetter] = []
    for one in batch:
        if isinstance(one, DeadLetter):
            dead.append(one)
        else:
            events.append(one)
    summary.events.update(event.kind.value for event in events)
    summary.quarantined.update(letter.reason for letter in dead)
    if dry_run:
        return
    write_dead_letters(log, dead)
    if events:
        records = [Record(str(event.user_id), event.event_id, event.model_dump_json().encode()) for event in events]
        summary.new += log.append(INTERACTIONS, records)
