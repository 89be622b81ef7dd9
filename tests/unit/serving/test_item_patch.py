"""PATCH /items/{item_id}: in every list after the follower's next look, the same rules as `marquee items`, all or nothing."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import quote

import httpx
import polars as pl
import pytest
from synthetic import make_catalogue, make_snapshot

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable, StorageFull
from core.ids import ExternalId
from lake.adapters.memory import MemoryLake
from lake.item_changes import CHANGEABLE
from lake.item_keys import assign
from lake.items_feed import ItemsFeed
from lake.tables import ITEMS
from serving.item_patch import ITEM_BODY
from serving.models import ItemChanged, Problem

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}
IDS: list[ExternalId] = [10, "00042", "SKU/é 1?&=#", "用户", "i" * 128, "%2e%2e/x"]


@pytest.fixture
def lake() -> MemoryLake:
    """The synthetic films, some of which are called something that is no whole number."""
    lake = MemoryLake()
    strings = [id_ for id_ in IDS if isinstance(id_, str)]
    keys = assign(lake, strings)
    frame = make_catalogue().to_frame()
    ids = [10, *(keys[id_] for id_ in strings), *frame["item_id"].to_list()[len(IDS) :]]
    lake.replace(ITEMS, frame.with_columns(pl.Series("item_id", ids, dtype=pl.Int64)))
    return lake


@pytest.fixture
def films(build_world, make_host, lake: MemoryLake) -> Any:
    """A world that follows the lake, as the API does."""
    look = ItemsFeed(lake).look
    world = build_world(make_host(make_snapshot(catalogue=Catalogue.from_frame(lake.read(ITEMS))), look=look), lake=lake)
    world.service.host.look()
    return world


async def patch(world: Any, id_: ExternalId, body: Any, headers: dict[str, str] = ADMIN) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with world.client() as client:
        return await client.patch(f"/items/{quote(str(id_), safe='')}", content=content, headers=headers)


async def film(world: Any, id_: ExternalId) -> dict[str, Any]:
    async with world.client() as client:
        body: dict[str, Any] = (await client.get(f"/items/{quote(str(id_), safe='')}")).json()
    return body


async def listed(world: Any, **params: Any) -> list[ExternalId]:
    async with world.client() as client:
        body = (await client.get("/recommend/999", params={"k": 100, "format": "ids"} | params)).json()
    return list(body["recommendations"])


@pytest.mark.parametrize("id_", IDS, ids=lambda id_: str(id_)[:12])
async def test_what_was_changed_is_in_every_list_and_the_rest_stays(films: Any, id_: ExternalId) -> None:
    before = await film(films, id_)
    answer = await patch(films, id_, {"title": "Ünder [b]new", "genres": ["Western", "War"], "year": 1903})
    assert (answer.status_code, answer.json()) == (200, {"item_id": id_, "changed": True})
    ItemChanged.model_validate(answer.json())
    assert await film(films, id_) == before, "until the follower looks"
    films.service.host.look()
    assert await film(films, id_) == before | {"title": "Ünder [b]new", "genres": ["Western", "War"], "year": 1903}
    assert await listed(films, genre="western", year_max=1903) == [id_]
    assert (await patch(films, id_, {"hidden": True})).json()["changed"] is True
    films.service.host.look()
    assert await listed(films, genre="western") == []
    assert (await film(films, id_))["shown"] is False
    assert (await film(films, id_))["title"] == "Ünder [b]new"
    assert (await patch(films, id_, {"hidden": True})).json() == {"item_id": id_, "changed": False}
    assert (await patch(films, id_, {"hidden": False, "genres": []})).json()["changed"] is True
    films.service.host.look()
    assert (await film(films, id_))["genres"] == []


@pytest.mark.parametrize("id_", IDS[:3], ids=str)
async def test_who_may_see_an_item_and_when_is_followed_like_hidden(films: Any, id_: ExternalId) -> None:
    soon = time.time() + 1000
    values = {"maturity": 16, "language": "pt-BR", "series": "Ünder", "people": ["Ann"], "cost": 0.25, "runtime": 90}
    assert (await patch(films, id_, values | {"available_from": 1.5, "available_until": soon})).status_code == 200
    films.service.host.look()
    assert (await film(films, id_)).items() >= (values | {"available_from": 1.5, "available_until": soon}).items()
    assert await listed(films, language="PT-br") == await listed(films, maturity_max=16) == [id_]
    assert await listed(films, language="pt-BR", maturity_max=15) == []
    for window in ({"available_from": soon}, {"available_from": None, "available_until": 99.0}):
        assert (await patch(films, id_, window)).status_code == 200
        films.service.host.look()
        assert await listed(films, language="pt-BR") == [], window
    assert (await patch(films, id_, {"available_until": None})).status_code == 200
    films.service.host.look()
    assert await listed(films, language="pt-BR") == [id_]


NO_OBJECT = f"a JSON object with one or more of {', '.join(CHANGEABLE)}"
WRONG: list[tuple[Any, str, Any, str]] = [
    ({}, "body", "{}", NO_OBJECT),
    (b"", "body", None, NO_OBJECT),
    (b" \n", "body", None, NO_OBJECT),
    ([], "body", "[]", NO_OBJECT),
    (None, "body", None, NO_OBJECT),
    ("hidden", "body", "hidden", NO_OBJECT),
    ({"titel": "x"}, "titel", "x", f"no such field; {', '.join(CHANGEABLE)}"),
    ({"item_id": 5}, "item_id", 5, "no such field"),
    ({"overview": "x"}, "overview", "x", "no such field"),
    ({"x" * 5000: 1}, "x" * 64, 1, "no such field"),
    ({"title": None}, "title", None, "a string of 1 to 1000"),
    ({"title": ""}, "title", "", "a string of 1 to 1000"),
    ({"title": "a\u0000"}, "title", "a\u0000", "without control characters"),
    ({"title": "x" * 1001}, "title", "x" * 100 + "… (1001 characters)", "a string of 1 to 1000"),
    ({"year": -1}, "year", -1, "an integer from 1 to 9999"),
    ({"year": 10**30}, "year", 1e30, "an integer from 1 to 9999"),
    ({"year": 2**63}, "year", str(2**63), "an integer from 1 to 9999"),
    ({"year": 1999.5}, "year", 1999.5, "an integer from 1 to 9999"),
    ({"year": "1999"}, "year", "1999", "an integer from 1 to 9999"),
    ({"year": True}, "year", True, "an integer from 1 to 9999"),
    ({"hidden": 0}, "hidden", 0, "true or false"),
    ({"hidden": None}, "hidden", None, "true or false"),
    ({"maturity": 120}, "maturity", 120, "an age in years from 0 to 99, or null"),
    ({"maturity": 12.5}, "maturity", 12.5, "an age in years from 0 to 99, or null"),
    ({"language": ""}, "language", "", "a language tag of 1 to 35 characters"),
    ({"available_from": "2026-01-01"}, "available_from", "2026-01-01", "Unix seconds from 0"),
    ({"available_until": -1}, "available_until", -1, "Unix seconds from 0"),
    ({"series": 5}, "series", 5, "a name of 1 to 1000"),
    ({"people": "Ann"}, "people", "Ann", "a list of at most 200"),
    ({"cost": -0.5}, "cost", -0.5, "the cost of one play from 0"),
    ({"runtime": 0}, "runtime", 0, "whole minutes from 1"),
    ({"genres": "Drama"}, "genres", "Drama", "a list of at most 50"),
    ({"genres": ["Drama", ["x"]]}, "genres", "['Drama', ['x']]", "a list of at most 50"),
    ({"genres": [f"g{n}" for n in range(51)]}, "genres", None, "a list of at most 50"),
]


@pytest.mark.parametrize(("body", "field", "value", "allowed"), WRONG, ids=[str(wrong[0])[:30] for wrong in WRONG])
async def test_a_wrong_body_is_named_and_changes_nothing(
    films: Any, lake: MemoryLake, body: Any, field: str, value: Any, allowed: str
) -> None:
    before = lake.version(ITEMS)
    sent = body | {"hidden": body.get("hidden", True)} if isinstance(body, dict) and body else body
    answer = await patch(films, "SKU/é 1?&=#", sent)
    assert answer.status_code == 422, answer.text
    Problem.model_validate(answer.json())
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert allowed in error["allowed"]
    assert error["value"] == value or (value is None and len(error["value"] or "") < 130)
    assert lake.version(ITEMS) == before


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"year": NaN}', b'{"title": "\\ud800"}', b"[" * 5000, b'{"year": 1}{"year": 2}']
)
async def test_a_body_that_is_not_json_is_refused(films: Any, body: bytes) -> None:
    answer = await patch(films, 10, body)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:marquee:problem:malformed-json")


async def test_every_mistake_is_named(films: Any) -> None:
    errors = (await patch(films, 10, {"year": 0, "colour": "red", "title": "", "hidden": True})).json()["errors"]
    assert [error["field"] for error in errors] == ["colour", "year", "title"]


@pytest.mark.parametrize("id_", [11, "sku/é 1?&=#", "42", "i" * 127, 2**53 - 1])
async def test_an_unknown_item_is_a_404(films: Any, lake: MemoryLake, id_: ExternalId) -> None:
    before = lake.version(ITEMS)
    answer = await patch(films, id_, {"hidden": True})
    assert (answer.status_code, answer.json()["missing"]) == (404, [str(id_)])
    assert lake.version(ITEMS) == before


async def test_an_invalid_id_is_a_422(films: Any) -> None:
    assert (await patch(films, "i" * 129, {"hidden": True})).json()["errors"][0]["field"] == "item_id"


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-Admin-Key": "wrong"}, 403), ({"X-Admin-Key": ""}, 403)])
async def test_it_needs_the_admin_key(films: Any, lake: MemoryLake, headers: dict[str, str], status: int) -> None:
    before = lake.version(ITEMS)
    assert (await patch(films, 10, {"hidden": True}, headers)).status_code == status
    assert lake.version(ITEMS) == before


async def test_without_a_configured_key_it_is_off(build_world) -> None:
    assert (await patch(build_world(admin_key=None), 10, {"hidden": True})).status_code == 403


async def test_changes_at_the_same_moment_are_all_kept(films: Any, lake: MemoryLake, monkeypatch: pytest.MonkeyPatch) -> None:
    write = lake.upsert
    monkeypatch.setattr(lake, "upsert", lambda *arguments: (time.sleep(0.01), write(*arguments)))
    changes: list[dict[str, Any]] = [{"title": "New"}, {"genres": ["New"]}, {"year": 1999}, {"hidden": True}]
    answers = await asyncio.gather(*(patch(films, "00042", one) for one in changes * 5))
    assert {answer.status_code for answer in answers} == {200}
    assert lake.read(ITEMS).filter(pl.col("title") == "New").select(CHANGEABLE[:4]).rows() == [("New", ["New"], 1999, True)]


@pytest.mark.parametrize("error", [DependencyUnavailable("lake", "away"), StorageFull("lake", "full")])
async def test_without_the_lake_it_is_a_503(build_world, error: Exception) -> None:
    class Away(MemoryLake):
        def revise(self, *_: Any) -> Any:
            raise error

    assert (await patch(build_world(lake=Away()), 10, {"hidden": True})).status_code == 503


def test_the_document_has_every_field_that_can_be_changed() -> None:
    schema = ITEM_BODY["requestBody"]["content"]["application/json"]["schema"]
    assert tuple(schema["properties"]) == CHANGEABLE
