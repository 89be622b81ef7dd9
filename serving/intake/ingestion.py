"""Taking events in: a request is accepted or refused as a whole, what is acknowledged is durable, and nothing is dropped."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core import tracing
from core.deadletter import DeadLetter, to_record
from core.errors import DependencyUnavailable
from core.events import DEADLETTER, DEFAULT_CLOCK_RULE, INTERACTIONS, ClockRule, check_clock
from core.item_facts import ItemFacts
from core.ports import Clock, EventLog, Record
from core.telemetry import EVENTS_ACCEPTED, EVENTS_DUPLICATE, EVENTS_QUARANTINED
from serving.access.callers import ANYBODY, Caller
from serving.access.refusals import Forbidden
from serving.http.problems import ALLOWED, MAX_ERRORS, InvalidFields, MalformedJson, field_error
from serving.intake.event_bodies import events_in, in_slices
from serving.intake.sent import Interaction

UNKNOWN_ITEM = "unknown_item"
MIXED = "mixed"  # the kind that is counted when a batch was only partly new: the log says how many, not which


@dataclass(frozen=True, slots=True)
class IngestionResult:
    """What became of a request's events. `accepted`, `duplicates` and the quarantined ones add up to all of them."""

    accepted: int
    duplicates: int
    quarantined: list[dict[str, Any]]  # index, event_id, reason
    event_ids: list[str]  # of every event, in the order of the request


class FutureEvents(InvalidFields):
    """Events that lie ahead of the server's clock: later the same request may be right."""

    status = 409
    slug = "event-in-the-future"
    title = "An event lies in the future"


@dataclass(slots=True)
class _Batch:
    """The events of one request that are all right, ready to be stored."""

    known: list[Record] = field(default_factory=list)
    letters: list[Record] = field(default_factory=list)  # events on items that the catalogue does not have
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)  # of the known ones

    def add(self, event: Interaction, known: bool, now: float) -> None:
        if known:
            self.known.append(_record(event))
            self.kinds[event.kind.value] += 1
        else:
            self.quarantined.append({"index": len(self.event_ids), "event_id": event.event_id, "reason": _reason(event)})
            self.letters.append(_letter(event, now))
        self.event_ids.append(event.event_id)


class Ingestion:
    """Validates events and appends them to the log."""

    def __init__(
        self,
        log: EventLog,
        items: Callable[[], ItemFacts],
        max_batch: int = 1000,
        timeout: float = 5.0,
        threads: int = 4,
        clock: Clock = time.time,
        clock_rule: ClockRule = DEFAULT_CLOCK_RULE,
    ) -> None:
        """`items` is asked per request, because the catalogue changes; `timeout` is seconds for one append.

        `clock_rule` says which event times are believed.
        """
        self._log = log
        self._items = items
        self.max_batch = max_batch
        self._timeout = timeout
        self._clock = clock
        self.clock_rule = clock_rule
        self._one = TypeAdapter(Interaction)
        self._reading = asyncio.Lock()  # bodies are read one after the other, so that many clients have one turn among lists
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="events")

    async def ingest(self, body: bytes, caller: Caller = ANYBODY) -> IngestionResult:
        """Store one event or an array of them; returns when they are durable.

        Raises MalformedJson, InvalidFields, FutureEvents, Forbidden (then nothing is stored), or DependencyUnavailable: then it
        is not known what is stored, and the same request can be sent again, because event ids make it idempotent.
        """
        async with self._reading:
            batch = await self._read(body, caller)
        with tracing.span(f"append {INTERACTIONS}"):
            new = await self._append(INTERACTIONS, _traced(batch.known))
        await self._append(DEADLETTER, batch.letters)
        _count(batch, new)
        return IngestionResult(new, len(batch.known) - new, batch.quarantined, batch.event_ids)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, body: bytes, caller: Caller) -> _Batch:
        """All that can be done before something is stored. Raises MalformedJson, InvalidFields, FutureEvents, Forbidden."""
        is_array, batch, now, items = body.lstrip()[:1] == b"[", _Batch(), self._clock(), self._items()
        wrong, late, errors = list[dict[str, Any]](), list[dict[str, Any]](), 0
        allowed = ahead = True  # all events are of users whom the caller may touch; all wrong times lie ahead of the clock
        async for index, raw in in_slices(events_in(body, self.max_batch)):
            place = {"index": index} if is_array else {}
            try:
                event = self._one.validate_json(raw, strict=True)
            except ValidationError as error:
                errors += error.error_count()
                if len(wrong) < MAX_ERRORS:
                    wrong += [place | one for one in _wrong_fields(error)]
                continue
            allowed = allowed and caller.may_touch(event.user_id)
            complaint = check_clock(event, now, self.clock_rule)
            ahead = ahead and (complaint is None or event.ts > now)
            if complaint is not None and len(late) < MAX_ERRORS:
                late.append(place | field_error("ts", event.ts, complaint.partition("allowed: ")[2]))
            if not wrong:
                batch.add(event, items.key_of(event.item_id) >= 0, now)
        if wrong:
            raise InvalidFields(wrong, total=errors)
        if not allowed:
            raise Forbidden("a user's token may send events of that user alone")
        if late:
            raise (FutureEvents if ahead else InvalidFields)(late)
        return batch

    async def _append(self, topic: str, records: Sequence[Record]) -> int:
        if not records:
            return 0
        appending = asyncio.get_running_loop().run_in_executor(self._threads, self._log.append, topic, records)
        try:
            return await asyncio.wait_for(appending, self._timeout)
        except TimeoutError as error:
            reason = f"no acknowledgement within {self._timeout:.0f} s"
            raise DependencyUnavailable("event log", reason, "send the same events again") from error


def _wrong_fields(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong with one event. Raises MalformedJson."""
    entries = error.errors(include_url=False)
    if entries[0]["type"] == "json_invalid":
        raise MalformedJson(f"{entries[0]['ctx']['error']}; send one event or an array of events")
    return [_wrong_field(entry, list(entry["loc"])) for entry in entries[:MAX_ERRORS]]


def _record(event: Interaction) -> Record:
    return Record(key=str(event.user_id), id=event.event_id, value=event.model_dump_json().encode())


def _traced(records: Sequence[Record]) -> Sequence[Record]:
    """With the trace and the span of now, if there are any."""
    parent = tracing.traceparent()
    return [replace(one, traceparent=parent) for one in records] if parent else records


def _letter(event: Interaction, now: float) -> Record:
    return to_record(DeadLetter(INTERACTIONS, UNKNOWN_ITEM, _reason(event), event.model_dump_json().encode(), now))


def _reason(event: Interaction) -> str:
    return f"item {event.item_id} is not in the catalogue"


def _wrong_field(entry: Mapping[str, Any], location: Sequence[Any]) -> dict[str, Any]:
    """One of pydantic's errors as a field error."""
    match entry["type"]:
        case "value_error" if not location:  # the rule between `kind` and `value`, which says what it allows
            return field_error("value", entry["input"].get("value"), str(entry["ctx"]["error"]).partition("allowed: ")[2])
        case "value_error" if location == ["ts"]:
            return field_error("ts", entry["input"], str(entry["ctx"]["error"]).partition("allowed: ")[2])
        case "extra_forbidden":
            return field_error(str(location[-1])[:64], entry["input"], "no such field; " + ", ".join(Interaction.model_fields))
        case "missing":
            return field_error(str(location[-1]), None, f"required: {ALLOWED[str(location[-1])]}")
    if not location:
        return field_error("event", entry["input"], "a JSON object with " + ", ".join(Interaction.model_fields))
    field = ".".join(str(part) for part in location)
    return field_error(field, entry["input"], ALLOWED.get(field, str(entry["msg"])))


def _count(batch: _Batch, new: int) -> None:
    EVENTS_DUPLICATE.inc(len(batch.known) - new)
    if batch.letters:
        EVENTS_QUARANTINED.labels(UNKNOWN_ITEM).inc(len(batch.letters))
    if new == len(batch.known):
        for kind, count in batch.kinds.items():
            EVENTS_ACCEPTED.labels(kind).inc(count)
    elif new:
        EVENTS_ACCEPTED.labels(MIXED).inc(new)
