"""The audit log: every admin call that was admitted, with who and what became of it, and no user's id."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_access import access_in

from serving.access.callers import Scope

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}


def entries(folder: Path) -> list[dict[str, Any]]:
    file = folder / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


async def test_admin_calls_are_on_record(build_world: Callable[..., Any], tmp_path: Path) -> None:
    access = access_in(tmp_path, "secret")
    world, ops = build_world(access=access), {"X-Api-Key": access.keys.create("ops", [Scope.ADMIN])}
    async with world.client() as client:
        done = await client.patch("/items/10", json={"hidden": True}, headers=ops)
        await client.patch("/items/10", json={"hiden": True}, headers=ADMIN)
        await client.delete("/users/4242", headers=ADMIN)
        await client.get("/admin/decisions?limit=0", headers=ADMIN)
    found = entries(tmp_path)
    assert [(one["caller"], one["method"], one["route"], one["status"]) for one in found] == [
        ("key ops", "PATCH", "/items/{item_id}", 200),
        ("admin key", "PATCH", "/items/{item_id}", 422),
        ("admin key", "DELETE", "/users/{user_id}", 200),
        ("admin key", "GET", "/admin/decisions", 422),
    ]
    assert (found[0]["item_id"], found[0]["request_id"]) == ("10", done.headers["X-Request-Id"])
    assert "4242" not in (tmp_path / "audit.jsonl").read_text()
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


async def test_who_was_refused_cannot_fill_it(build_world: Callable[..., Any], tmp_path: Path) -> None:
    world = build_world(access=access_in(tmp_path, "secret"))
    async with world.client() as client:
        for headers in ({}, {"X-Admin-Key": "wrong"}):
            await client.delete("/users/7", headers=headers)
        await client.get("/recommend/7")
    assert entries(tmp_path) == []


async def test_a_bug_is_on_record_as_what_it_was(build_world: Callable[..., Any], tmp_path: Path) -> None:
    def broken(_: str) -> dict[str, Any]:
        raise RuntimeError("a bug")

    world = build_world(access=access_in(tmp_path, "secret"), provenance=broken)
    async with world.client() as client:
        assert (await client.get("/provenance/" + "0" * 32, headers=ADMIN)).status_code == 500
    assert [one["status"] for one in entries(tmp_path)] == [500]


async def test_what_cannot_be_written_is_in_the_log(
    build_world: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = build_world(access=access_in(tmp_path, "secret"))
    (tmp_path / "audit.jsonl").mkdir()
    async with world.client() as client:
        assert (await client.delete("/users/7", headers=ADMIN)).status_code == 200
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "audit log cannot be written" in said
    assert "/users/{user_id}" in said
