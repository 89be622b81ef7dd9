"""The other routes, the OpenAPI document, headers and metrics, and what importing the package costs."""

from __future__ import annotations

from typing import Any

import pytest

from serving import examples, models, pages
from serving.routes.all import ROUTES

pytestmark = pytest.mark.anyio

DOCUMENTED = {
    "/rank": ["post"],
    "/session/recommend": ["post"],
    "/search": ["get"],
    "/trending": ["get"],
    "/new": ["get"],
    "/genres": ["get"],
    "/people/{name}": ["get"],
    "/items/{item_id}/similar": ["get"],
    "/onboarding": ["get"],
    "/map": ["get"],
    "/map/users/{user_id}": ["get"],
    "/admin/decisions": ["get"],
    "/domain": ["get"],
    "/admin/releases": ["get"],
    "/admin/releases/{version}/promote": ["post"],
    "/admin/releases/rollback": ["post"],
    "/admin/acceptance": ["get"],
    "/admin/status": ["get"],
    "/provenance/{request_id}": ["get"],
    "/recommend/{user_id}": ["get", "post"],
    "/recommend/{user_id}/why/{item_id}": ["get"],
    "/events": ["post"],
    "/items/{item_id}": ["get", "patch"],
    "/users": ["get"],
    "/users/{user_id}": ["delete"],
    "/users/{user_id}/history": ["get"],
    "/users/{user_id}/onboarding": ["post"],
    "/health/live": ["get"],
    "/health/ready": ["get"],
    "/metrics": ["get"],
    "/version": ["get"],
    "/admin/retrain": ["post"],
    "/admin/experiments": ["get"],
    "/admin/experiments/{name}/start": ["post"],
    "/admin/experiments/{name}/stop": ["post"],
}


async def get(world, path: str) -> Any:
    async with world.client() as client:
        response = await client.get(path)
        assert response.status_code == 200, response.text
        return response


async def test_a_film(world) -> None:
    body = (await get(world, "/items/10")).json()
    assert (body["item_id"], body["title"], body["year"]) == (10, "Film 0 <b>&", 1980)
    models.ItemDetails.model_validate(body)


async def test_a_copy_of_a_film_is_right_until_it_changes(world) -> None:
    first = await get(world, "/items/10")
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=30"
    async with world.client() as client:
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await client.get("/items/10", headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        for other in ('"other"', tag[:-2] + '"', ""):
            assert (await client.get("/items/10", headers={"If-None-Match": other})).json() == first.json()
        assert (await client.get("/items/20", headers={"If-None-Match": tag})).status_code == 200
        assert (await client.get("/recommend/7", headers={"If-None-Match": "*"})).headers["cache-control"] == "no-store"


async def test_a_history_is_newest_first_and_keeps_what_the_release_does_not_know(world) -> None:
    world.remember(7, [60], kind="watch", value=90.0)
    world.remember(7, [70], kind="view", value=None)
    body = (await get(world, "/users/7/history?limit=100")).json()
    models.History.model_validate(body)
    user = world.features.inner.read(7)
    assert [entry["item_id"] for entry in body["events"]] == user.item_ids[::-1].tolist()
    values = {entry["item_id"]: (entry["kind"], entry["value"]) for entry in body["events"]}
    assert (values[60], values[70], values[10]) == (("watch", 90.0), ("view", None), ("rating", 4.0))
    assert body["n_events"] == 7
    assert len((await get(world, "/users/7/history?limit=2")).json()["events"]) == 2
    strange = (await get(world, "/users/8/history")).json()["events"]
    assert {entry["title"] for entry in strange} == {None}


async def test_a_stranger_has_an_empty_history(world) -> None:
    body = (await get(world, "/users/999/history")).json()
    assert body == {"user_id": 999, "known": False, "n_events": 0, "events": []}


async def test_users_to_try(world) -> None:
    assert (await get(world, "/users")).json() == {"users": [7, 8]}
    assert (await get(world, "/users?limit=1")).json() == {"users": [7]}


async def test_version_names_release_data_and_code(world) -> None:
    body = (await get(world, "/version")).json()
    models.Version.model_validate(body)
    assert (body["release"], body["code_version"], body["data_version"]) == ("r1", "deadbeef", {"interactions": 3})


async def test_metrics_count_by_route_template(world) -> None:
    await get(world, "/recommend/7")
    await get(world, "/")
    text = (await get(world, "/metrics")).text
    assert 'marquee_requests_total{route="/recommend/{user_id}",status="200"}' in text
    assert 'marquee_request_seconds_count{route="/"}' in text
    assert 'marquee_stage_seconds_count{part="two_tower",stage="source"}' in text
    assert 'marquee_lists_total{strategy="two_tower"}' in text
    assert "/recommend/7" not in text


async def test_every_answer_carries_security_headers(world) -> None:
    for path in ("/", "/recommend/7", "/static/ui/app.js", "/health/live"):
        headers = (await get(world, path)).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"


async def test_the_document_has_these_paths(world) -> None:
    document = (await get(world, "/openapi.json")).json()
    assert {path: sorted(found) for path, found in document["paths"].items()} == DOCUMENTED
    assert {(method.upper(), path) for path, methods in DOCUMENTED.items() for method in methods} == set(ROUTES)


async def test_every_reference_of_the_document_leads_somewhere(world) -> None:
    document = (await get(world, "/openapi.json")).json()
    schemas = document["components"]["schemas"]

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for child in node.values() for found in references(child)]
        return [found for child in node for found in references(child)] if isinstance(node, list) else []

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names - set(schemas) == set()
    assert {"Interaction", "Problem", "RecommendationList"} <= names


async def test_the_document_has_the_bound_of_a_batch(build_world) -> None:
    document = (await get(build_world(max_batch=17), "/openapi.json")).json()
    assert document["components"]["schemas"]["InteractionBatch"]["maxItems"] == 17
    body = document["paths"]["/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"$ref": "#/components/schemas/InteractionBatch"} in body["anyOf"]


async def test_every_operation_has_a_summary_a_tag_and_no_framework_error(world) -> None:
    document = (await get(world, "/openapi.json")).json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["tags"], path
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and path != "/health/ready":
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("example", "model"),
    [
        (examples.LIST, models.RecommendationList),
        (examples.WHY, models.WhyItem),
        (examples.RECEIPT, models.Receipt),
        (examples.ITEM, models.ItemDetails),
        (examples.ITEM_CHANGED, models.ItemChanged),
        (examples.DECISIONS, models.Decisions),
        (examples.HISTORY, models.History),
        (examples.USERS, models.Users),
        (examples.ONBOARDED, models.Onboarded),
        (examples.ERASED, models.Erased),
        (examples.LIVE, models.Live),
        (examples.READY, models.Ready),
        (examples.VERSION, models.Version),
    ],
)
async def test_an_example_is_what_the_route_answers(example: dict[str, Any], model: Any) -> None:
    assert set(model.model_validate(example).model_dump(mode="json")) == set(example)


@pytest.mark.skipif(pages.swagger_folder() is None, reason="fastapi-offline is not installed")
async def test_swagger_needs_no_network(world) -> None:
    docs = await get(world, "/docs")
    assert "https://" not in docs.text
    assert "https://" not in docs.headers["content-security-policy"]
    for name in pages.SWAGGER_FILES:
        assert (await get(world, f"{pages.SWAGGER_URL}/{name}")).content


async def test_without_the_packaged_files_swagger_comes_from_a_named_host(build_world, monkeypatch) -> None:
    monkeypatch.setattr(pages, "swagger_folder", lambda: None)
    docs = await get(build_world(), "/docs")
    assert f"{pages.SWAGGER_CDN}/swagger-ui-bundle.js" in docs.text
    assert "https://cdn.jsdelivr.net" in docs.headers["content-security-policy"]


async def test_the_lifespan_starts_and_closes_everything(build_world) -> None:
    from serving.factory import create_app

    closed = []
    app = create_app(build_world().app.state.api, closers=[lambda: closed.append("log")])
    async with app.router.lifespan_context(app):
        assert closed == []
    assert closed == ["log"]
