"""GET /admin/decisions: what is on record, with the admin key only."""

from __future__ import annotations

from typing import Any

import pytest

from serving.models import Decisions, Problem

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}


async def ask(world: Any, query: str = "", headers: dict[str, str] = ADMIN) -> Any:
    async with world.client() as client:
        return await client.get(f"/admin/decisions{query}", headers=headers)


async def test_the_newest_decisions_oldest_first(world: Any) -> None:
    answer = await ask(world)
    assert answer.status_code == 200
    assert [found.at for found in Decisions.model_validate(answer.json()).decisions] == [0.0, 1.0, 2.0]
    assert [found["at"] for found in (await ask(world, "?limit=2")).json()["decisions"]] == [1.0, 2.0]


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-Admin-Key": "wrong"}, 403)])
async def test_it_needs_the_admin_key(world: Any, headers: dict[str, str], status: int) -> None:
    answer = await ask(world, headers=headers)
    assert answer.status_code == status
    Problem.model_validate(answer.json())


async def test_a_limit_out_of_range_is_a_problem(world: Any) -> None:
    answer = await ask(world, "?limit=0")
    assert answer.status_code == 422
    Problem.model_validate(answer.json())
