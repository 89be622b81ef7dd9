"""POST /events: all or nothing is valid, what is acknowledged is in the log, and nothing is lost."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from core.events import DEADLETTER, INTERACTIONS, Interaction
from core.ids import MAX_INTEGER as MAX_INTEGER
from core.kinds import KINDS

pytestmark = pytest.mark.anyio


def event(**changes: Any) -> dict[str, Any]:
    return {"event_id": "e-1", "user_id": 7, "item_id": 10, "kind": "rating", "value": 4.0, "ts": 1_700_000_000.0} | changes


async def post(world, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with world.client() as client:
        return await client.post("/events", content=content)


def stored(world) -> list[Interaction]:
    return [Interaction.model_validate_json(record.value) for record in world.read_log(INTERACTIONS)]


async def test_one_event_is_in_the_log_when_it_is_acknowledged(world) -> None:
    response = await post(world, event(request_id="list-1"))
    assert response.status_code == 202
    assert response.json() == {"accepted": 1, "duplicates": 0, "quarantined": [], "event_ids": ["e-1"]}
    (record,) = world.read_log(INTERACTIONS)
    assert (record.key, record.id) == ("7", "e-1")
    assert stored(world) == [Interaction(**event(request_id="list-1"))]


async def test_an_event_without_id_and_time_gets_both(world) -> None:
    body = {"user_id": 7, "item_id": 10, "kind": "view"}
    first, second = [(await post(world, body)).json() for _ in range(2)]
    assert first["accepted"] == second["accepted"] == 1
    assert first["event_ids"] != second["event_ids"]
    assert all(abs(event.ts - time.time()) < 60 for event in stored(world))


async def test_sending_again_stores_nothing_again(world) -> None:
    batch = [event(event_id=f"e-{n}") for n in range(5)]
    assert (await post(world, batch)).json()["accepted"] == 5
    again = (await post(world, [*batch, event(event_id="new"), event(event_id="new")])).json()
    assert (again["accepted"], again["duplicates"]) == (1, 6)
    assert len(stored(world)) == 6


async def test_a_thousand_events_are_accepted_and_one_more_is_refused(world) -> None:
    batch = [event(event_id=f"e-{n}") for n in range(1001)]
    refused = await post(world, batch)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["allowed"] == "at most 1000 events in one request"
    assert stored(world) == []
    assert (await post(world, batch[:1000])).json()["accepted"] == 1000


async def test_an_empty_array_is_nothing(world) -> None:
    response = await post(world, [])
    assert (response.status_code, response.json()["accepted"]) == (202, 0)


async def test_an_event_on_an_unknown_item_is_quarantined_unchanged(world) -> None:
    batch = [event(event_id="a"), event(event_id="b", item_id=11), event(event_id="c")]
    body = (await post(world, batch)).json()
    assert (body["accepted"], body["event_ids"]) == (2, ["a", "b", "c"])
    (quarantined,) = body["quarantined"]
    assert (quarantined["index"], quarantined["event_id"]) == (1, "b")
    assert "item 11" in quarantined["reason"]
    (letter,) = [json.loads(record.value) for record in world.read_log(DEADLETTER)]
    assert (letter["topic"], letter["reason"]) == (INTERACTIONS, "unknown_item")
    assert json.loads(base64.b64decode(letter["value"])) == Interaction(**batch[1]).model_dump(mode="json")


WRONG = [
    ({"user_id": 0}, "user_id", 0, f"1 to {MAX_INTEGER}"),
    ({"user_id": -3}, "user_id", -3, f"1 to {MAX_INTEGER}"),
    ({"item_id": MAX_INTEGER + 1}, "item_id", str(MAX_INTEGER + 1), f"1 to {MAX_INTEGER}"),
    ({"user_id": ""}, "user_id", "", "an integer"),
    ({"user_id": "x" * 129}, "user_id", "x" * 100 + "… (129 characters)", "a string of 1 to 128"),
    ({"user_id": True}, "user_id", True, "an integer"),
    ({"user_id": 7.5}, "user_id", 7.5, "an integer"),
    ({"user_id": None}, "user_id", None, "an integer"),
    ({"value": 7.0}, "value", 7.0, "0.5 to 5.0 stars for kind 'rating'"),
    ({"value": None}, "value", None, "0.5 to 5.0 stars for kind 'rating'"),
    ({"value": "4"}, "value", "4", "a finite number"),
    ({"value": float("nan")}, "value", "nan", "a finite number"),
    ({"value": float("inf")}, "value", "inf", "a finite number"),
    ({"kind": "watch", "value": 1e9}, "value", 1e9, "0.0 to 1440.0 minutes"),
    ({"kind": "view"}, "value", 4.0, "none for kind 'view'"),
    ({"kind": "stare"}, "kind", "stare", "one of view, click"),
    ({"kind": 3}, "kind", 3, "one of view, click"),
    ({"ts": -1}, "ts", -1, "0 or more"),
    ({"ts": float("-inf")}, "ts", "-inf", "a finite number"),
    ({"ts": 4_070_908_800}, "ts", 4_070_908_800.0, "clock skew"),  # 2099
    ({"ts": 86_400}, "ts", 86_400.0, "631152000 to "),  # 1970
    ({"event_id": ""}, "event_id", "", "a string that matches"),
    ({"event_id": "x" * 65}, "event_id", "x" * 65, "a string that matches"),
    ({"request_id": "a b"}, "request_id", "a b", "or null"),
    ({"schema_version": 2}, "schema_version", 2, "1"),
    ({"colour": "red"}, "colour", "red", "no such field"),
]


@pytest.mark.parametrize(("change", "field", "value", "allowed"), WRONG, ids=[str(wrong[0])[:40] for wrong in WRONG])
async def test_a_wrong_field_is_named_and_nothing_of_the_batch_is_stored(world, change, field, value, allowed) -> None:
    response = await post(world, [event(event_id="fine"), event(**change)])
    assert response.status_code == (409 if allowed == "clock skew" else 422)  # later it may be right
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert (error["index"], error["field"], error["value"]) == (1, field, value)
    assert allowed in error["allowed"]
    assert stored(world) == []
    assert world.read_log(DEADLETTER) == []
    alone = (await post(world, event(**change))).json()
    assert "index" not in alone["errors"][0]


@pytest.mark.parametrize("field", ["user_id", "item_id", "kind"])
async def test_a_missing_field_is_named(world, field: str) -> None:
    body = event()
    del body[field]
    error = (await post(world, body)).json()["errors"][0]
    assert error["field"] == field
    assert error["allowed"].startswith("required: ")


@pytest.mark.parametrize("body", [3, "x", None, True, [[]], [1], ["x"]])
async def test_json_that_is_not_an_event_is_refused(world, body: Any) -> None:
    response = await post(world, body)
    assert response.status_code == 422
    assert "a JSON object" in response.json()["errors"][0]["allowed"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"not json", b"\xff\xfe", b'{"user_id": 1,}', b"[" * 5000, b'{"user_id":' + b"9" * 5000 + b"}"]
)
async def test_malformed_json(world, body: bytes) -> None:
    response = await post(world, body)
    assert response.status_code == 400
    assert response.json()["type"] == "urn:marquee:problem:malformed-json"


async def test_many_mistakes_are_counted_and_some_are_named(world) -> None:
    body = (await post(world, [event(user_id=0)] * 50)).json()
    assert (len(body["errors"]), body["more_errors"]) == (20, 30)


async def test_without_the_log_nothing_is_acknowledged(world, refuse) -> None:
    world.log.broken = refuse
    response = await post(world, event())
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["type"] == "urn:marquee:problem:dependency-unavailable"
    world.log.broken = None
    assert (await post(world, event())).json()["accepted"] == 1


async def test_a_log_that_hangs_is_a_503(world) -> None:
    world.app.state.api.ingestion._timeout = 0.01
    world.log.broken = lambda: time.sleep(0.2)
    response = await post(world, event())
    assert response.status_code == 503
    assert "send the same events again" in response.json()["detail"]


async def test_events_are_counted_by_outcome(world) -> None:
    def counted() -> list[float]:
        names = [
            ("marquee_events_accepted_total", {"kind": "rating"}),
            ("marquee_events_accepted_total", {"kind": "mixed"}),
            ("marquee_events_duplicate_total", {}),
            ("marquee_events_quarantined_total", {"reason": "unknown_item"}),
        ]
        return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in names]

    before = counted()
    await post(world, [event(event_id="a"), event(event_id="b"), event(event_id="c", item_id=11)])
    await post(world, [event(event_id="a"), event(event_id="d")])
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1, 1, 1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ODD = st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=70) | st.none() | st.booleans()
ALMOST = st.fixed_dictionaries(
    {"user_id": st.integers(1, 9) | ODD, "item_id": st.sampled_from([10, 20, 11]) | ODD},
    optional={
        "kind": st.sampled_from([kind.value for kind in KINDS]) | ODD,
        "value": st.floats(0, 6) | ODD,
        "ts": st.floats(0, 2e9) | ODD,
        "event_id": st.text("ab-", max_size=3) | ODD,
        "request_id": ODD,
        "schema_version": ODD,
    },
)


@settings(deadline=None)
@given(body=JSON.map(json.dumps) | ALMOST.map(json.dumps) | st.lists(ALMOST, max_size=3).map(json.dumps) | st.binary(max_size=80))
def test_no_body_is_an_accident(fuzzed_world, body: str | bytes) -> None:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    response = fuzzed_world(content)
    assert response.status_code in (202, 400, 409, 422), response.text
    answer = response.json()
    if response.status_code == 202:
        assert answer["accepted"] + answer["duplicates"] + len(answer["quarantined"]) == len(answer["event_ids"])
    else:
        assert answer["status"] == response.status_code


@pytest.fixture(scope="module")
def fuzzed_world(build_world):
    import asyncio

    world = build_world()
    with asyncio.Runner() as runner:
        yield lambda content: runner.run(post(world, content))
