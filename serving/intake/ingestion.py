"""Taking events in: a request is accepted or refused as a whole, what is acknowledged is durable, and nothing is dropped."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

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
        self._many: TypeAdapter[list[Interaction]] = TypeAdapter(Annotated[list[Interaction], Field(max_length=max_batch)])
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="events")

    async def ingest(self, body: bytes, caller: Caller = ANYBODY) -> IngestionResult:
        """Store one event or an array of them; returns when they are durable.

        Raises MalformedJson, InvalidFields, FutureEvents, Forbidden (then nothing is stored), or DependencyUnavailable: then it
        is not known what is stored, and the same request can be sent again, because event ids make it idempotent.
        """
        is_array = body.lstrip()[:1] == b"["
        events = self._parse(body, is_array)
        _check_users(events, caller)
        self._check_clocks(events, is_array)
        unknown = self._unknown_items(events)
        known = [event for index, event in enumerate(events) if index not in unknown]
        with tracing.span(f"append {INTERACTIONS}"):
            new = await self._append(INTERACTIONS, [_record(event) for event in known])
        await self._append(DEADLETTER, [self._letter(events[index]) for index in unknown])
        _count(known, new, len(unknown))
        quarantined = [
            {"index": index, "event_id": events[index].event_id, "reason": _reason(events[index])} for index in unknown
        ]
        return IngestionResult(new, len(known) - new, quarantined, [event.event_id for event in events])

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _parse(self, body: bytes, is_array: bool) -> list[Interaction]:
        try:
            if is_array:
                return self._many.validate_json(body, strict=True)
            return [self._one.validate_json(body, strict=True)]
        except ValidationError as error:
            entries = error.errors(include_url=False)
            if entries[0]["type"] == "json_invalid":
                raise MalformedJson(f"{entries[0]['ctx']['error']}; send one event or an array of events") from None
            raise InvalidFields(list(self._wrong_fields(entries, is_array)), total=error.error_count()) from None

    def _wrong_fields(self, entries: Sequence[Mapping[str, Any]], is_array: bool) -> Iterator[dict[str, Any]]:
        for entry in entries[:MAX_ERRORS]:
            if entry["type"] == "too_long":
                size = entry["ctx"]["actual_length"] or "more"
                yield field_error("body", f"{size} events", f"at most {self.max_batch} events in one request")
                continue
            location = list(entry["loc"])
            index = {"index": location.pop(0)} if is_array and location else {}
            yield index | _wrong_field(entry, location)

    def _check_clocks(self, events: Sequence[Interaction], is_array: bool) -> None:
        now = self._clock()
        complaints = ((index, event, check_clock(event, now, self.clock_rule)) for index, event in enumerate(events))
        wrong, late = [], True
        for index, event, complaint in complaints:
            if complaint is not None:
                late &= event.ts > now
                told = field_error("ts", event.ts, complaint.partition("allowed: ")[2])
                wrong.append({"index": index} | told if is_array else told)
        if wrong:
            raise (FutureEvents if late else InvalidFields)(wrong)

    def _unknown_items(self, events: Sequence[Interaction]) -> list[int]:
        """Indices of events on items that the catalogue does not have."""
        items = self._items()
        return [index for index, event in enumerate(events) if items.key_of(event.item_id) < 0]

    def _letter(self, event: Interaction) -> Record:
        value = event.model_dump_json().encode()
        letter = DeadLetter(INTERACTIONS, UNKNOWN_ITEM, _reason(event), value, self._clock())
        return to_record(letter)

    async def _append(self, topic: str, records: Sequence[Record]) -> int:
        if not records:
            return 0
        appending = asyncio.get_running_loop().run_in_executor(self._threads, self._log.append, topic, records)
        try:
            return await asyncio.wait_for(appending, self._timeout)
        except TimeoutError as error:
            reason = f"no acknowledgement within {self._timeout:.0f} s"
            raise DependencyUnavailable("event log", reason, "send the same events again") from error


def _check_users(events: Sequence[Interaction], caller: Caller) -> None:
    """Raises Forbidden for events of a user whose data the caller may not touch."""
    if caller.user is not None and not all(caller.may_touch(event.user_id) for event in events):
        raise Forbidden("a user's token may send events of that user alone")


def _record(event: Interaction) -> Record:
    value, parent = event.model_dump_json().encode(), tracing.traceparent()
    return Record(key=str(event.user_id), id=event.event_id, value=value, traceparent=parent)


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


def _count(known: Sequence[Interaction], new: int, quarantined: int) -> None:
    EVENTS_DUPLICATE.inc(len(known) - new)
    if quarantined:
        EVENTS_QUARANTINED.labels(UNKNOWN_ITEM).inc(quarantined)
    if new == len(known):
        for kind, count in Counter(event.kind.value for event in known).items():
            EVENTS_ACCEPTED.labels(kind).inc(count)
    elif new:
        EVENTS_ACCEPTED.labels(MIXED).inc(new)
