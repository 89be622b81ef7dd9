"""The time of an event as ISO 8601 with a zone: what is kept is what Unix seconds would have kept."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from core import events
from core.events import EARLIEST_SECONDS, INTERACTIONS
from core.kinds import KINDS
from serving.intake.sent import Interaction, unix_seconds

pytestmark = pytest.mark.anyio
TS = 1_732_618_800.0  # 2024-11-26T11:00:00Z


def event(ts: object, user: int | str = 7) -> dict[str, Any]:
    return {"event_id": "e-1", "user_id": user, "item_id": 10, "kind": "view", "ts": ts}


async def post(world: Any, body: Any) -> httpx.Response:
    async with world.client() as client:
        return await client.post("/events", json=body)


@pytest.mark.parametrize("user", [7, "anna@example.com"])
@pytest.mark.parametrize(
    "text",
    [
        "2024-11-26T12:00:00+01:00",
        "2024-11-26T11:00:00Z",
        "2024-11-26t11:00:00.000z",
        "2024-11-26T16:30+05:30",
        "20241126T110000Z",
    ],
)
async def test_the_bytes_of_the_log_are_those_of_unix_seconds(world, text: str, user: int | str) -> None:
    assert (await post(world, event(text, user))).json()["accepted"] == 1
    (record,) = world.read_log(INTERACTIONS)
    assert record.value == events.Interaction(**event(TS, user)).model_dump_json().encode()
    assert (await post(world, event(TS, user))).json()["duplicates"] == 1


async def test_fractions_of_a_second_are_kept() -> None:
    assert unix_seconds("2024-11-26T11:00:00.250Z") == TS + 0.25
    assert unix_seconds("2024-11-26T12:00:00,250+0100") == TS + 0.25


@pytest.mark.parametrize("user", [7, "anna@example.com"])
@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2024-11-26T12:00:00", "2024-11-26T12:00:00"),
        ("2024-11-26T12:00", "2024-11-26T12:00:00"),
        ("2024-11-26", "2024-11-26T00:00:00"),
    ],
)
async def test_a_time_without_a_zone_is_refused_with_how_to_add_one(world, text: str, local: str, user: int | str) -> None:
    response = await post(world, [event(TS, user), event(text, user)])
    assert response.status_code == 422
    allowed = f"a time with a zone; add one: {local}Z if it is UTC, or its offset, as in {local}+01:00"
    assert response.json()["errors"] == [{"index": 1, "field": "ts", "value": text, "allowed": allowed}]
    assert world.read_log(INTERACTIONS) == []


WRONG = [
    "",
    "now",
    "1732618800",
    "1732618800.0",
    "2024-13-01T00:00:00Z",
    "2024-11-26T25:00:00Z",
    "2024-11-26x12:00:00Z",
    "0000-01-01T00:00Z",
]


@pytest.mark.parametrize("text", [*WRONG, "1969-12-31T23:00:00Z", "0001-01-01T00:00+23:59", "9" * 5000, "२०२४-11-26T12:00:00Z"])
async def test_an_invalid_time_is_named(world, text: str) -> None:
    (error,) = (await post(world, event(text))).json()["errors"]
    assert error["field"] == "ts"
    assert error["value"][:20] == text[:20]
    assert "ISO 8601 with a zone" in error["allowed"]


@pytest.mark.parametrize("text", ["1989-12-31T23:00:00Z", "2999-01-01T00:00:00Z"])
async def test_a_time_that_cannot_be_true_is_refused_as_its_seconds_are(world, text: str) -> None:
    (error,) = (await post(world, event(text))).json()["errors"]
    assert (error["field"], error["value"]) == ("ts", unix_seconds(text))
    assert "clock skew" in error["allowed"]


async def test_the_document_shows_both_forms(world) -> None:
    async with world.client() as client:
        document = (await client.get("/openapi.json")).json()
    ts = document["components"]["schemas"]["Interaction"]["properties"]["ts"]
    seconds, text = ts["anyOf"]
    assert seconds == {"type": "number", "minimum": EARLIEST_SECONDS, "maximum": 253_402_300_799.0}
    assert (text["type"], text["format"]) == ("string", "date-time")
    for right in ("2026-11-26T12:00:00+01:00", "1991-01-01T00:00:00Z", "2000-02-29T23:59:59.5-11:30", "9999-12-31T23:59:59Z"):
        assert re.search(text["pattern"], right)
    for wrong in ("2026-11-26T12:00:00", "1990-12-31T00:00:00Z", "2026-13-26T12:00:00Z", "20261126T120000Z", "2026-11-26"):
        assert not re.search(text["pattern"], wrong)


async def test_the_document_says_which_value_each_kind_has(world) -> None:
    async with world.client() as client:
        schema = (await client.get("/openapi.json")).json()["components"]["schemas"]["Interaction"]
    said = {kind: rule["then"] for rule in schema["allOf"] for kind in rule["if"]["properties"]["kind"]["enum"]}
    assert set(said) == {kind.value for kind in KINDS}
    assert said["rating"] == {"properties": {"value": {"type": "number", "minimum": 0.5, "maximum": 5.0}}, "required": ["value"]}
    assert said["review"] == {"properties": {"value": {"type": ["number", "null"], "minimum": 0.5, "maximum": 5.0}}}
    assert said["click"] == {"properties": {"value": {"type": "null"}}}


async def test_the_log_has_the_contracts_fields_in_the_contracts_order() -> None:
    assert list(Interaction.model_fields) == list(events.Interaction.model_fields)
    assert json.loads(Interaction(**event(TS)).model_dump_json())["ts"] == TS
