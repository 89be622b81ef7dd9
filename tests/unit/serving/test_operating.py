"""The routes for operators: who may use them, under which name a move is put down, and what is refused."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from small_access import access_in

from core.errors import NotFound
from lifecycle.gates import GateCheck, GateResult
from lifecycle.promotion import PromotionRefused
from serving import operate_examples as examples
from serving import operate_models as models
from serving.access.callers import Scope
from serving.models import Problem
from serving.operating import Operating

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}
FAILED = GateResult((GateCheck("it beats popularity", False, "0.05 against 0.06"),))


class Moves:
    """Notes what it is asked for, and in which thread."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()

    def listed(self, moves: int) -> dict[str, Any]:
        return {name: examples.RELEASES[name] for name in ("releases", "moves")}

    def promote(self, version: str, *, actor: str, why: str, dry_run: bool) -> dict[str, Any]:
        self.threads.add(threading.get_ident())
        self.asked.append((version, actor, why, dry_run))
        if version == "3":
            raise PromotionRefused(version, FAILED)
        return examples.PROMOTED

    def rollback(self, *, actor: str, why: str, dry_run: bool) -> dict[str, Any]:
        self.asked.append(("back", actor, why, dry_run))
        if why == "none":
            raise NotFound("there is no earlier release to go back to")
        return examples.ROLLED_BACK


@pytest.fixture
def moves() -> Moves:
    return Moves()


@pytest.fixture
def world(build_world: Any, moves: Moves, tmp_path: Path) -> Any:
    made = Operating(
        domain=examples.DOMAIN,
        releases=moves,
        acceptance=lambda days: examples.ACCEPTANCE["days"][:days],
        status=lambda release, version: {
            **examples.STATUS, "learning": {"enabled": True, "release": release, "version": version, "updated_at": None},
        },
    )  # fmt: skip
    return build_world(operating=made, access=access_in(tmp_path, "secret"))


async def ask(world: Any, method: str, path: str, headers: dict[str, str] = ADMIN, **sent: Any) -> Any:
    async with world.client() as client:
        return await client.request(method, path, headers=headers, **sent)


async def test_a_move_is_put_down_under_the_name_of_the_key(world: Any, moves: Moves, tmp_path: Path) -> None:
    access = world.app.state.api.access
    key = access.keys.create("operations", [Scope.ADMIN])
    done = await ask(world, "POST", "/admin/releases/2/promote", {"X-Api-Key": key}, json={"why": "spring"})
    assert done.status_code == 200
    models.Promoted.model_validate(done.json())
    await ask(world, "POST", "/admin/releases/rollback?dry_run=true", json={"why": "worse"})
    await ask(world, "POST", "/admin/releases/2/promote")
    assert moves.asked == [
        ("2", "key operations", "spring", False),
        ("back", "admin key", "worse", True),
        ("2", "admin key", "", False),
    ]
    assert threading.get_ident() not in moves.threads
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(one["caller"], one["route"], one.get("version"), one["status"]) for one in lines] == [
        ("key operations", "/admin/releases/{version}/promote", "2", 200),
        ("admin key", "/admin/releases/rollback", None, 200),
        ("admin key", "/admin/releases/{version}/promote", "2", 200),
    ]


async def test_what_the_gate_refuses_is_a_conflict_that_names_the_checks(world: Any) -> None:
    refused = await ask(world, "POST", "/admin/releases/3/promote")
    assert (refused.status_code, refused.json()["failed"]) == (409, ["it beats popularity"])
    assert Problem.model_validate(refused.json()).type.endswith(":promotion-refused")
    assert (await ask(world, "POST", "/admin/releases/rollback", json={"why": "none"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, None),
        (b"[]", 422, "body"),
        (b'{"force": true}', 422, "body"),
        (b'{"why": 3}', 422, "why"),
        (b'{"why": "' + b"x" * 501 + b'"}', 422, "why"),
    ],
)
async def test_a_wrong_body_moves_nothing(world: Any, moves: Moves, body: bytes, status: int, field: str | None) -> None:
    for path in ("/admin/releases/2/promote", "/admin/releases/rollback"):
        answer = await ask(world, "POST", path, content=body)
        assert answer.status_code == status
        found = Problem.model_validate(answer.json())
        assert [one.field for one in found.errors or ()] == ([field] if field else [])
    assert moves.asked == []


async def test_the_other_routes_answer_as_their_models_say(world: Any) -> None:
    for path, model in (
        ("/domain", models.DomainWords),
        ("/admin/releases?limit=3", models.Releases),
        ("/admin/acceptance?days=7", models.AcceptanceByDay),
        ("/admin/status", models.OperatorStatus),
    ):
        answer = await ask(world, "GET", path)
        assert answer.status_code == 200, path
        model.model_validate(answer.json())
    assert (await ask(world, "GET", "/admin/releases")).json()["serving"] == "r1"
    assert (await ask(world, "GET", "/admin/status")).json()["learning"]["release"] == "r1"
    assert (await ask(world, "GET", "/domain", {})).status_code == 200


@pytest.mark.parametrize(
    "call",
    [
        ("GET", "/admin/releases"), ("GET", "/admin/acceptance"), ("GET", "/admin/status"),
        ("POST", "/admin/releases/2/promote"), ("POST", "/admin/releases/rollback"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-Admin-Key": "wrong"}, 403)])
async def test_they_need_the_scope_admin(
    world: Any, moves: Moves, call: tuple[str, str], headers: dict[str, str], status: int
) -> None:
    assert (await ask(world, *call, headers)).status_code == status
    assert moves.asked == []


@pytest.mark.parametrize(
    "path",
    ["/admin/acceptance?days=0", "/admin/acceptance?days=367", "/admin/releases?limit=0", "/admin/status?x=1", "/domain?x=1"],
)
async def test_what_is_out_of_range_is_a_problem(world: Any, path: str) -> None:
    answer = await ask(world, "GET", path)
    assert answer.status_code == 422
    Problem.model_validate(answer.json())


@pytest.mark.parametrize(
    ("example", "model"),
    [
        (examples.DOMAIN, models.DomainWords), (examples.RELEASES, models.Releases), (examples.PROMOTED, models.Promoted),
        (examples.ROLLED_BACK, models.RolledBack), (examples.ACCEPTANCE, models.AcceptanceByDay),
        (examples.STATUS, models.OperatorStatus),
    ],
)  # fmt: skip
async def test_an_example_is_what_the_route_answers(example: dict[str, Any], model: Any) -> None:
    assert model.model_validate(example).model_dump(mode="json") == example
