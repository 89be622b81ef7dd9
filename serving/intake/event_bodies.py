"""The body of `POST /events`, taken apart event by event, so that no body is more work in one go than an event is.

A whole body at once is tens of milliseconds of parsing and, where all of it is wrong, seconds of collecting what. Nobody else of
the process is answered meanwhile, and one client that sends such bodies in a loop stops all lists. Here an event has a bound in
bytes and in fields, which is looked at before anything is made of it, and whoever reads goes round the event loop between events
(`in_slices`).
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, TypeVar

from serving.http.parameters import MAX_NAME_LENGTH
from serving.http.problems import InvalidFields, MalformedJson, field_error

MAX_EVENT_CHARACTERS = 16_384  # as long as what the consumer reads
MAX_FIELDS = 64  # of one object
SLICE_SECONDS = 0.001  # of reading, after which others of the event loop have their turn
_SPACE = re.compile(r"[ \t\n\r]*")
_HINT = "send one event or an array of events"
T = TypeVar("T")


class _Twice(Exception):
    """An object has a key twice."""


class _Many(Exception):
    """An object has too many fields."""


def events_in(body: bytes, max_batch: int) -> Iterator[tuple[int, bytes]]:
    """The place of each event in the body, and its bytes; what the bytes say is left to whoever reads them.

    Raises MalformedJson, and InvalidFields for too many events, an event that is too long or has too many fields, and a key that
    an object has twice.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedJson(f"{error}; {_HINT}") from None
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        end = _end(text, at, None)
        _require_end(text, end)
        yield 0, text[at:end].encode()
        return
    at = _after_space(text, at + 1)
    index = 0
    while text[at : at + 1] != "]" or index:
        if index == max_batch:
            raise InvalidFields([field_error("body", "more events", f"at most {max_batch} events in one request")])
        end = _end(text, at, index)
        yield index, text[at:end].encode()
        index, at = index + 1, _after_space(text, end)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            raise _malformed(text, at, "a comma or the end of the array is missing")
        at = _after_space(text, at + 1)
    _require_end(text, at + 1)


async def in_slices(items: Iterable[T], seconds: float = SLICE_SECONDS) -> AsyncIterator[T]:
    """The items; others have their turn whenever so much time is over."""
    until = time.perf_counter() + seconds
    for item in items:
        yield item
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + seconds


def _end(text: str, at: int, index: int | None) -> int:
    """Where the value that begins there ends. `index` is None for a single event."""
    where: dict[str, Any] = {} if index is None else {"index": index}
    part = text[at : at + MAX_EVENT_CHARACTERS]
    try:
        return at + _DECODER.raw_decode(part)[1]
    except _Twice as error:
        raise InvalidFields(
            [where | field_error(str(error)[:MAX_NAME_LENGTH], "sent twice", "each key once in an object")]
        ) from None
    except _Many as error:
        raise InvalidFields([where | field_error("event", f"{error} fields", f"at most {MAX_FIELDS} fields")]) from None
    except (ValueError, RecursionError) as error:
        if len(part) == MAX_EVENT_CHARACTERS:
            wrong = field_error(
                "event", f"more than {len(part)} characters", f"at most {MAX_EVENT_CHARACTERS} characters of JSON"
            )
            raise InvalidFields([where | wrong]) from None
        said = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise _malformed(text, at + getattr(error, "pos", 0), said) from None


def _look(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > MAX_FIELDS:
        raise _Many(len(pairs))
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Twice(name)
        seen.add(name)


# numbers may have any length: nobody reads them here
_DECODER = json.JSONDecoder(object_pairs_hook=_look, parse_int=len, parse_float=len)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _require_end(text: str, at: int) -> None:
    if _after_space(text, at) < len(text):
        raise _malformed(text, at, "something follows the end")


def _malformed(text: str, at: int, said: str) -> MalformedJson:
    line = text.count("\n", 0, at) + 1
    return MalformedJson(f"{said} (line {line}, character {at - text.rfind(chr(10), 0, at)}); {_HINT}")
