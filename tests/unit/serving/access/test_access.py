"""Who gets in: every route by what it needs, over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from small_access import access_in

from core.events import INTERACTIONS
from serving.access.callers import Scope
from serving.access.control import AccessControl
from serving.access.scopes import SCOPES
from serving.access.tokens import TokenConfig, Tokens
from serving.routes.all import ROUTES

pytestmark = pytest.mark.anyio
WARM, STRANGE = 7, 8
SIGNER = ec.generate_private_key(ec.SECP256R1())
EVENT = {"user_id": WARM, "item_id": 10, "kind": "click"}


@pytest.fixture
def closed(tmp_path: Path) -> AccessControl:
    """Nobody gets in without a key or token."""
    key_set = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(SIGNER.public_key())) | {"kid": "one"}
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key_set]}))
    tokens = Tokens(TokenConfig(str(tmp_path / "jwks.json"), "issuer", "marquee"))
    return access_in(tmp_path, "secret", open_to_all=False, tokens=tokens)


def bearer(user: object) -> dict[str, str]:
    claims = {"sub": str(user), "iss": "issuer", "aud": "marquee", "exp": time.time() + 60}
    return {"Authorization": f"Bearer {jwt.encode(claims, SIGNER, 'ES256', headers={'kid': 'one'})}"}


def key(access: AccessControl, *scopes: Scope, **how: Any) -> dict[str, str]:
    return {"X-Api-Key": access.keys.create("-".join(["k", *scopes]), scopes, **how)}


async def ask(world: Any, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> httpx.Response:
    async with world.client() as client:
        return await client.request(method, path, headers=headers, json=body)


def path_of(template: str) -> str:
    parts = {"user_id": WARM, "item_id": 10, "name": "trial", "request_id": "0" * 32, "version": "2"}
    return template.format(**parts)


def test_every_route_is_in_the_table_and_nothing_else() -> None:
    assert sorted(SCOPES) == sorted(ROUTES)


@pytest.mark.parametrize(("method", "path"), [route for route, scope in SCOPES.items() if scope is not None])
async def test_a_closed_api_answers_nobody_without_a_key(
    build_world: Callable[..., Any], closed: AccessControl, method: str, path: str
) -> None:
    world = build_world(access=closed)
    refused = await ask(world, method, path_of(path))
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:marquee:problem:unauthorized")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    wrong = await ask(world, method, path_of(path), {"X-Api-Key": "mq_wrong"})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "the key in the header X-Api-Key is not known, or has expired")


@pytest.mark.parametrize("path", [path for (_, path), scope in SCOPES.items() if scope is None])
async def test_probes_and_scrapers_need_no_key(build_world: Callable[..., Any], closed: AccessControl, path: str) -> None:
    assert (await ask(build_world(access=closed), "GET", path)).status_code == 200


@pytest.mark.parametrize("held", list(Scope))
@pytest.mark.parametrize(("route", "needed"), [(route, scope) for route, scope in SCOPES.items() if scope is not None])
async def test_a_key_opens_what_its_scope_says(
    build_world: Callable[..., Any], closed: AccessControl, held: Scope, route: tuple[str, str], needed: Scope
) -> None:
    answer = await ask(build_world(access=closed), route[0], path_of(route[1]), key(closed, held))
    assert (answer.status_code == 403) == (held not in (needed, Scope.ADMIN)), answer.text
    assert answer.status_code != 401


async def test_a_users_token_is_for_that_user_alone(build_world: Callable[..., Any], closed: AccessControl) -> None:
    world, mine = build_world(access=closed), bearer(WARM)
    for method, path, body in (
        ("GET", "/recommend/{}", None),
        ("POST", "/recommend/{}", {}),
        ("GET", "/recommend/{}/why/10", None),
        ("GET", "/users/{}/history", None),
        ("POST", "/users/{}/onboarding", {"genres": ["Drama"]}),
    ):
        assert (await ask(world, method, path.format(WARM), mine, body)).status_code == 200, path
        refused = await ask(world, method, path.format(STRANGE), mine, body)
        assert (refused.status_code, refused.json()["detail"]) == (403, "a user's token is for the data of that user alone"), path
    assert (await ask(world, "GET", "/items/10", mine)).status_code == 200
    assert (await ask(world, "GET", "/users", mine)).json() == {"users": [WARM]}
    for method, path in (("DELETE", f"/users/{WARM}"), ("PATCH", "/items/10"), ("GET", "/admin/decisions")):
        assert (await ask(world, method, path, mine)).status_code == 403


async def test_a_users_token_sends_events_of_that_user_alone(build_world: Callable[..., Any], closed: AccessControl) -> None:
    world, mine = build_world(access=closed), bearer(WARM)
    assert (await ask(world, "POST", "/events", mine, [EVENT, EVENT | {"user_id": str(WARM)}])).status_code == 202
    assert (await ask(world, "POST", "/events", mine, [EVENT, EVENT | {"user_id": STRANGE}])).status_code == 403
    assert len(list(world.log.inner.read(INTERACTIONS))) == 2


async def test_a_token_in_an_api_that_takes_none_says_nothing(build_world: Callable[..., Any]) -> None:
    """A proxy may have put it there for somebody else."""
    assert (await ask(build_world(), "GET", f"/recommend/{STRANGE}", bearer(WARM))).status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "bearer x.y.z", ""])
async def test_an_authorization_that_is_no_token_is_refused(
    build_world: Callable[..., Any], closed: AccessControl, header: str
) -> None:
    assert (await ask(build_world(access=closed), "GET", "/recommend/7", {"Authorization": header})).status_code == 401


async def test_a_variant_is_forced_by_admins_alone(build_world: Callable[..., Any], closed: AccessControl) -> None:
    world, wish = build_world(access=closed), {"X-Experiment-Variant": "trial:b"}
    assert (await ask(world, "GET", "/recommend/7", wish | key(closed, Scope.READ))).status_code == 403
    assert (await ask(world, "GET", "/recommend/7", wish | bearer(WARM))).status_code == 403
    assert (await ask(world, "GET", "/recommend/7", wish | key(closed, Scope.ADMIN))).status_code == 404  # no such experiment


async def test_a_key_that_nobody_needs_still_has_to_be_right(build_world: Callable[..., Any]) -> None:
    assert (await ask(build_world(), "GET", "/recommend/7", {"X-Api-Key": "mq_wrong"})).status_code == 401


async def test_unreadable_keys_are_a_problem_and_no_open_door(
    build_world: Callable[..., Any], closed: AccessControl, tmp_path: Path
) -> None:
    mine = key(closed, Scope.READ)
    (tmp_path / "keys.json").write_text("{")
    answer = await ask(build_world(access=closed), "GET", "/recommend/7", mine)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:marquee:problem:keys-unreadable")


async def test_a_catalogue_behind_keys_is_held_by_clients_alone(build_world: Callable[..., Any], closed: AccessControl) -> None:
    answer = await ask(build_world(access=closed), "GET", "/items/10", key(closed, Scope.READ))
    assert answer.headers["Cache-Control"] == "private, max-age=30"


async def test_a_user_who_asks_too_often_is_refused_with_a_time(build_world: Callable[..., Any], tmp_path: Path) -> None:
    world = build_world(access=access_in(tmp_path, per_minute=3))
    answers = [await ask(world, "GET", "/recommend/7?k=1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit"] == '"requests";r=2;t=20'
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=3;w=60'
    problem = answers[3].json()
    assert (problem["type"], problem["status"]) == ("urn:marquee:problem:too-many-requests", 429)
    assert int(answers[3].headers["Retry-After"]) == problem["retry_after"] >= 1
    assert answers[3].headers["RateLimit"].startswith('"requests";r=0;t=')
    assert (await ask(world, "GET", "/recommend/8?k=1")).status_code == 200
    assert (await ask(world, "GET", "/users/7/history")).status_code == 429


async def test_a_key_has_one_limit_for_all_users(build_world: Callable[..., Any], tmp_path: Path) -> None:
    access = access_in(tmp_path, per_minute=100)
    world, mine = build_world(access=access), key(access, Scope.READ, per_minute=2)
    assert [(await ask(world, "GET", f"/recommend/{user}?k=1", mine)).status_code for user in (7, 8, 9)] == [200, 200, 429]


async def test_the_document_says_what_each_route_needs(build_world: Callable[..., Any], closed: AccessControl) -> None:
    document = build_world(access=closed).app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["name"] for scheme in schemes.values() if "name" in scheme} == {"X-Api-Key", "X-Admin-Key"}
    for (method, path), scope in SCOPES.items():
        operation = document["paths"][path][method.lower()]
        needed = {name for way in operation.get("security", []) for name in way}
        expected = {None: set(), Scope.ADMIN: {"AdminKey", "ApiKey"}}.get(scope, {"ApiKey", "Token"})
        assert needed == expected, path
        assert ({"401", "403", "429"} <= operation["responses"].keys()) == (scope is not None)
    opened = build_world().app.openapi()["paths"]["/events"]["post"]["security"]
    assert {} in opened
