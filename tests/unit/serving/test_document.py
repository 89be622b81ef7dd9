"""The OpenAPI document is complete: names, descriptions, ways in, and examples that can be tried as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from synthetic import make_catalogue, make_snapshot

from core.catalogue import Catalogue
from core.ids import FIRST_ITEM_KEY
from core.item_facts import ItemFacts
from core.ports import RetrainAnswer
from core.settings import CONFIGS
from lake.adapters.memory import MemoryLake
from lake.tables import ITEM_IDS, ITEMS
from serving.access.scopes import SCOPES
from serving.routes.all import ROUTES

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}


class Retraining:
    """Says yes to everything."""

    def ask(self, *_: object, **__: object) -> RetrainAnswer:
        return RetrainAnswer(True, "a retraining begins", 5.0)


@pytest.fixture
async def document(build_world: Any) -> dict[str, Any]:
    return await described(build_world())


async def described(world: Any) -> dict[str, Any]:
    async with world.client() as client:
        answer = await client.get("/openapi.json")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_operations_have_the_names_that_clients_call_them_by(document: dict[str, Any]) -> None:
    found = {operation["operationId"]: (method, path) for method, path, operation in operations(document)}
    assert len(found) == len(ROUTES)
    assert set(found.values()) == set(ROUTES)
    for name in found:
        assert re.fullmatch("[a-z][a-z0-9_]{1,40}", name), name
    assert found["recommend"] == ("GET", "/recommend/{user_id}")
    assert found["post_events"] == ("POST", "/events")
    assert found["start_experiment"] == ("POST", "/admin/experiments/{name}/start")


async def test_everything_that_is_sent_or_answered_is_described(document: dict[str, Any]) -> None:
    missing = []
    for name, schema in document["components"]["schemas"].items():
        described = "properties" not in schema or "description" in schema or name.endswith(("Request", "Ledger"))
        missing += [] if described else [name]
        missing += [f"{name}.{field}" for field, one in schema.get("properties", {}).items() if "description" not in one]
    for _, path, operation in operations(document):
        missing += [] if operation.get("description") or operation["summary"] else [path]
        for answer in operation["responses"].values():
            missing += [] if answer["description"] else [path]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            fields = content["schema"].get("properties", {})
            missing += [f"{path}: {field}" for field, one in fields.items() if "description" not in one]
        missing += [f"{path}: {one['name']}" for one in operation.get("parameters", ()) if "description" not in one]
    assert missing == [], "\n".join(missing)


async def test_every_route_that_needs_a_key_says_which_and_how_it_refuses(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {"ApiKey", "AdminKey", "Token"} <= set(schemes)
    for method, path, operation in operations(document):
        if SCOPES[method, path] is None:
            assert "security" not in operation
            continue
        assert {name for one in operation["security"] for name in one} <= set(schemes)
        assert {"401", "403", "429"} <= set(operation["responses"]), path


async def test_a_list_is_one_of_two_forms_and_never_both(document: dict[str, Any], build_world: Any) -> None:
    for method in ("get", "post"):
        answer = document["paths"]["/recommend/{user_id}"][method]["responses"]["200"]["content"]["application/json"]
        names = [one["$ref"].rsplit("/", 1)[1] for one in answer["schema"]["oneOf"]]
        assert names == ["RecommendationList", "CompactList"]
    assert document["components"]["schemas"]["CompactList"]["additionalProperties"] is False
    assert "request_id" in document["components"]["schemas"]["RecommendationList"]["required"]


@pytest.mark.parametrize("sku", [False, True], ids=["whole numbers", "text ids"])
async def test_swaggers_try_it_out_works_untouched(build_world: Any, make_host: Any, tmp_path: Path, sku: bool) -> None:
    """Each request as Swagger fills it in: what is required, what has an example, and the first example of a body."""
    (tmp_path / "exploration.toml").write_text((CONFIGS / "experiments" / "exploration.toml").read_text())
    other = {"host": make_host(text_ids()), "lake": MemoryLake({ITEMS: renamed(), ITEM_IDS: named()})} if sku else {}
    world = build_world(retraining=Retraining(), experiments=tmp_path, **other)
    async with world.client() as client:
        await client.get("/recommend/7", headers=ADMIN)  # so that there is a latest list
        document = await described(world)
        for method, path, operation in operations(document):
            query: dict[str, Any] = {}
            filled = path
            for one in operation.get("parameters", ()):
                if one["in"] == "path":
                    filled = filled.replace(f"{{{one['name']}}}", quote(str(one["example"]), safe=""))
                elif "example" in one:
                    query[one["name"]] = one["example"]
            answer = await client.request(method, filled, params=query, headers=ADMIN, **body_of(operation))
            # what a small world does not have: an experiment that runs, and people
            otherwise = {"/admin/experiments/{name}/stop": 409, "/people/{name}": 404}.get(path, 200)
            assert answer.status_code < 300 or answer.status_code == otherwise, (method, filled, answer.text)


async def test_examples_are_of_what_there_is_and_harmless(build_world: Any) -> None:
    world = build_world()
    document = await described(world)
    paths = document["paths"]
    assert parameter(paths["/recommend/{user_id}"]["get"], "user_id")["example"] == 7
    assert parameter(paths["/items/{item_id}"]["get"], "item_id")["example"] in world.catalogue.ids.tolist()
    assert parameter(paths["/users/{user_id}"]["delete"], "user_id")["example"] == "someone-who-left"
    for path in ("/admin/releases/{version}/promote", "/admin/releases/rollback", "/admin/experiments/{name}/stop"):
        assert parameter(paths[path]["post"], "dry_run")["example"] is True
    patch = paths["/items/{item_id}"]["patch"]["requestBody"]["content"]["application/json"]["examples"]
    assert next(iter(patch.values()))["value"] == {"hidden": False}
    async with world.client() as client:
        listed = (await client.get("/recommend/7")).json()["request_id"]
    later = await described(world)
    assert parameter(later["paths"]["/provenance/{request_id}"]["get"], "request_id")["example"] == listed


def parameter(operation: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in operation["parameters"] if one["name"] == name)


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return {} if content is None else {"json": next(iter(content["examples"].values()))["value"]}


KEYS = {f"{row:05d}/é" if row % 4 else f"SKU-{row:04d}": FIRST_ITEM_KEY + row for row in range(300)}


def renamed() -> pl.DataFrame:
    """Items that are called something which is no whole number, and that have no genres."""
    frame = make_catalogue().to_frame()
    return frame.with_columns(
        pl.Series("item_id", list(KEYS.values())[: len(frame)], dtype=pl.Int64),
        pl.Series("genres", [[] for _ in range(len(frame))], dtype=pl.List(pl.String)),
    )


def named() -> pl.DataFrame:
    return pl.DataFrame({"key": list(KEYS.values()), "id": list(KEYS)})


def text_ids() -> Any:
    return make_snapshot(catalogue=Catalogue.from_frame(renamed()), facts=ItemFacts(renamed(), KEYS))
