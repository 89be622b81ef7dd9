"""DELETE /users by HTTP, over the use case that the composition root wires in: an id whose key is another's erases nobody."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from app.usecases import erasing
from app.usecases.privacy.erase import erase_everywhere
from app.usecases.privacy.stores import LakeTables, OnlineFeatures
from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from lake.adapters.memory import MemoryLake
from serving.models import Problem

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}


async def erased(world, user: ExternalId):
    lake = MemoryLake()
    stores = [LakeTables(lake), OnlineFeatures(world.features)]
    erase = lambda one: erase_everywhere(stores, lake, world.features, one).as_json()  # noqa: E731
    world.app.state.api = replace(world.app.state.api, erase=erase)
    async with world.client() as client:
        return await client.delete(f"/users/{quote(str(user), safe='')}", headers=ADMIN)


@pytest.mark.parametrize("user", [7, "anna@example.com"])
async def test_whoever_has_the_key_is_erased(world, user: ExternalId) -> None:
    world.features.inner.write([UserFeatures(user_key(user), external_id=original(user))])
    response = await erased(world, user)
    assert (response.status_code, response.json()["user_id"], response.json()["clean"]) == (200, user, True)
    assert [(one["store"], one["found"]) for one in response.json()["stores"]] == [("lake", 0), ("features", 1)]
    assert world.features.inner.read(user_key(user)) is None


async def test_an_id_whose_key_is_anothers_is_a_conflict(world, monkeypatch) -> None:
    key = user_key("anna@example.com")
    world.features.inner.write([UserFeatures(key, external_id="anna@example.com")])
    monkeypatch.setattr(erasing, "user_key", lambda _: key)
    response = await erased(world, "ben/7")
    problem = Problem.model_validate(response.json())
    assert (response.status_code, problem.type) == (409, "urn:marquee:problem:id-collision")
    assert problem.errors is not None
    assert (problem.errors[0].field, problem.errors[0].value) == ("user_id", "ben/7")
    assert world.features.inner.read(key) is not None


async def test_nothing_is_erased_while_the_store_cannot_say_whose_key_it_is(world, refuse) -> None:
    world.features.broken = refuse
    assert (await erased(world, "anna@example.com")).status_code == 503
