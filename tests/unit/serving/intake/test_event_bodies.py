"""No body is more work in one go than an event is, whatever a client sends."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MarqueeError
from serving.http.problems import InvalidFields, MalformedJson
from serving.intake import event_bodies
from serving.intake.event_bodies import MAX_EVENT_CHARACTERS, events_in, in_slices

EVENT = {"user_id": 7, "item_id": 10, "kind": "click"}
MANY_KEYS = json.dumps({f"k{number}": 1 for number in range(80_000)}).encode()
BAD_KEYS = json.dumps([EVENT | {f"bad{number}": 1 for number in range(80)} for _ in range(999)]).encode()
ATTACKS = {
    "80,000 unknown keys": MANY_KEYS,
    "999 events with 80 bad keys each": BAD_KEYS,
    "one event in an array with 80,000 keys": b"[" + MANY_KEYS + b"]",
    "100,000 arrays in each other": b"[" * 100_000,
    "100,000 objects in each other": b'{"a":' * 100_000,
    "100,000 numbers": b"[" + b"1," * 100_000 + b"1]",
    "one long number": b"1" * 900_000,
    "one long string": b'{"user_id":"' + b"x" * 900_000 + b'"}',
    "1,000 events with 60 unknown keys": json.dumps([EVENT | {f"bad{n}": 1 for n in range(60)} for _ in range(1000)]).encode(),
    "spaces": b" " * 900_000,
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(json_values, max_size=5), st.sampled_from([None, 1]), st.sampled_from(["", " ", "\n\t"]))
def test_an_array_is_its_elements(values: list[Any], indent: int | None, space: str) -> None:
    body = (space + json.dumps(values, indent=indent) + space).encode()
    assert [(index, json.loads(raw)) for index, raw in events_in(body, 10)] == list(enumerate(values))


@given(json_values.filter(lambda value: not isinstance(value, list)))
def test_anything_else_is_one_event(value: Any) -> None:
    assert [json.loads(raw) for _, raw in events_in(json.dumps(value).encode(), 10)] == [value]


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[1", b"[1,", b"[1,]", b"[1 2]", b"[1]]", b"{} {}", b"{", b'{"a":1', b"\xff", b"[,1]"]
)
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        list(events_in(body, 10))


def test_an_event_has_a_length_and_an_array_a_number() -> None:
    long = json.dumps(EVENT | {"event_id": "x" * MAX_EVENT_CHARACTERS}).encode()
    for body, index in ((long, None), (b"[1, " + long + b"]", 1)):
        with pytest.raises(InvalidFields) as refusal:
            list(events_in(body, 10))
        assert refusal.value.extensions["errors"][0].get("index") == index
        assert refusal.value.extensions["errors"][0]["allowed"] == "at most 16384 characters of JSON"
    with pytest.raises(InvalidFields, match="at most 3 events"):
        list(events_in(b"[1, 2, 3, 4]", 3))


@pytest.mark.anyio
@pytest.mark.parametrize("name", ATTACKS)
async def test_others_have_their_turn_while_it_is_read(world: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two turns one event is read, so what is counted are steps and not seconds, which this machine may not have."""
    parsed: list[int] = []
    look = event_bodies._end

    def counted(text: str, at: int, index: int | None) -> int:
        parsed.append(min(len(text) - at, MAX_EVENT_CHARACTERS))
        return look(text, at, index)

    monkeypatch.setattr(event_bodies, "_end", counted)
    reading = asyncio.create_task(world.app.state.api.ingestion.ingest(ATTACKS[name]))
    turns = 0
    spent = time.process_time()
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    spent = time.process_time() - spent
    with pytest.raises(MarqueeError):
        reading.result()
    assert len(parsed) <= 1000
    assert spent < 0.02 + 0.01 * turns  # a turn is a millisecond, and what the last event was


@pytest.mark.anyio
async def test_a_slice_ends_after_its_time() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _ in in_slices(range(20), seconds=0.0):
        pass
    task.cancel()
    assert turns >= 20
