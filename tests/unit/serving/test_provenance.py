"""Provenance: a list that was shown comes out again bit for bit from what the lake holds of it, and what differs is said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from synthetic import POPULAR, TWO_TOWER, make_policy, make_snapshot

from app.hosting import remember
from app.usecases.provenance import provenance
from core import columns as c
from core.errors import NotFound
from core.events import IMPRESSIONS, LISTS
from lake import tables
from lake.adapters.memory import MemoryLake
from lake.items_feed import KnownItems
from lake.tables import ITEMS
from recommender.experiment import Experiment
from recommender.host import RecommenderHost
from recommender.live import Feeds, LiveRelease
from recommender.policy import Policy
from serving.models import Problem, Provenance
from streaming.handlers import impression_rows, list_rows

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}
WARM, COLD = 7, 999
NOW = make_snapshot()
CAPPED = {"part": "plackett_luce", "temperature": 1.0, "cap": [{"by": "genre", "most": 4}]}
SELECTORS: dict[str, dict[str, Any]] = {
    "greedy": {"part": "greedy"},
    "epsilon": {"part": "epsilon", "epsilon": 0.6, "pool": 50},
    "slots": {"part": "epsilon", "epsilon": 0.6, "pool": 50, "slots": [2, 5]},
    "plackett_luce": {"part": "plackett_luce", "temperature": 1.0},
    "capped": CAPPED,
    "thompson": {"part": "linear_bandit", "models": 20},
    "upper_bound": {"part": "linear_bandit", "by": "upper_bound", "floor": 0.3},
}


def policy_of(selector: dict[str, Any]) -> Policy:
    return make_policy(source=[TWO_TOWER, POPULAR | {"k": 60}], selector=selector)


@dataclass
class Shown:
    """What the lake has after some lists of one policy."""

    world: Any
    lake: MemoryLake

    def fill(self) -> None:
        """Let the lake take over what is in the log."""
        self.world.service.outcomes.flush()
        items = KnownItems(self.lake)
        for topic, table, rows_of in (
            (IMPRESSIONS, tables.IMPRESSIONS, lambda records, now: impression_rows(records, now, items)),
            (LISTS, tables.LISTS, list_rows),
        ):
            rows = rows_of(self.world.read_log(topic), time.time())
            assert not rows.dead
            self.lake.append(table, rows.table)

    def of(self, request_id: str, open_release: Callable[[str], Any] | None = None) -> dict[str, Any]:
        return provenance(self.lake, open_release or (lambda _: NOW.release), request_id)


@pytest.fixture
def shown_by(build_world) -> Any:
    worlds = []

    def make(selector: dict[str, Any]) -> Shown:
        policy, lake = policy_of(selector), MemoryLake({ITEMS: NOW.catalogue.to_frame()})
        remember(lake, [policy], 0.0)
        nowhere = Feeds(*[Path("none")] * 3)
        host = RecommenderHost(Experiment(), {"control": policy}, lambda _: LiveRelease("1", NOW, nowhere), lambda _: "1")
        world = build_world(host)
        worlds.append(world)
        return Shown(world, lake)

    yield make
    for world in worlds:
        world.service.close()


async def ask(world: Any, user: int, **params: Any) -> str:
    async with world.client() as client:
        found = await client.get(f"/recommend/{user}", params=params)
    assert found.status_code == 200
    request_id: str = found.json()["request_id"]
    return request_id


@pytest.mark.parametrize("name", SELECTORS)
async def test_every_list_of_every_policy_comes_out_again(name: str, shown_by: Any) -> None:
    """First pages, further pages, longer lists than there are candidates, and users with and without a history."""
    shown = shown_by(SELECTORS[name])
    asked = []
    for number in range(6):
        first = await ask(shown.world, WARM if number % 2 else COLD, k=20)
        asked += [first, await ask(shown.world, WARM if number % 2 else COLD, k=20, offset=20, page_of=first)]
    asked.append(await ask(shown.world, WARM, k=100))
    shown.fill()
    for request_id in asked:
        found = shown.of(request_id)
        assert found["drawn_again"]["identical"], found["drawn_again"]
        Provenance.model_validate(found)
        assert found["release"]["data_version"] == NOW.release.manifest.data_version
        assert Policy.of({"name": "x", **json.loads(found["policy"]["body"])}, "body").id == found["policy"]["id"]


async def test_the_features_are_those_that_were_read(shown_by: Any) -> None:
    shown = shown_by(SELECTORS["epsilon"])
    before = shown.world.features.inner.read(WARM)
    request_id, stranger = await ask(shown.world, WARM), await ask(shown.world, COLD)
    shown.world.remember(WARM, [60, 70])
    shown.fill()
    features = shown.of(request_id)["features"]
    assert features["item_ids"] == before.item_ids.tolist()
    assert features["n_events"] == before.n_events
    np.testing.assert_array_equal(features["genre_weights"], before.genre_weights.tolist())
    assert shown.of(stranger)["features"] is None


async def test_what_was_logged_otherwise_is_said_position_by_position(shown_by: Any) -> None:
    shown = shown_by(SELECTORS["epsilon"])
    request_id = await ask(shown.world, WARM, k=5)
    shown.fill()
    rows = shown.lake.read(tables.IMPRESSIONS)
    shown.lake.replace(
        tables.IMPRESSIONS,
        rows.with_columns(pl.when(pl.col(c.POSITION) == 3).then(0.5).otherwise(pl.col(c.PROPENSITY)).alias(c.PROPENSITY)),
    )
    again = shown.of(request_id)["drawn_again"]
    assert not again["identical"]
    assert [line.split(":")[0] for line in again["differences"]] == ["position 3"]


def gone(name: str) -> Any:
    raise NotFound(f"the registry has no release {name} any more")


async def test_without_its_release_a_list_comes_out_again_unless_it_has_caps(shown_by: Any) -> None:
    for name, identical in (("epsilon", True), ("capped", False)):
        shown = shown_by(SELECTORS[name])
        request_id = await ask(shown.world, WARM)
        shown.fill()
        found = shown.of(request_id, gone)
        assert found["release"]["gone"]
        assert found["drawn_again"]["identical"] == identical
        assert bool(found["drawn_again"]["unchecked"]) == (not identical)


async def test_what_is_not_on_record_is_said(shown_by: Any) -> None:
    shown = shown_by(SELECTORS["greedy"])
    request_id = await ask(shown.world, WARM)
    shown.fill()
    shown.lake.replace(tables.POLICIES, shown.lake.read(tables.POLICIES).clear())
    assert "not on record" in shown.of(request_id)["drawn_again"]["unchecked"][0]
    shown.lake.replace(tables.LISTS, shown.lake.read(tables.LISTS).clear())
    found = shown.of(request_id)
    assert "not stored" in found["drawn_again"]["unchecked"][0]
    assert found["seed"] is None
    Provenance.model_validate(found)
    with pytest.raises(NotFound, match="on record"):
        shown.of("0" * 32)


async def test_the_route_needs_the_admin_key_and_a_request_id(build_world: Any) -> None:
    asked: list[str] = []
    world = build_world(provenance=lambda request_id: asked.append(request_id) or {"request_id": request_id})
    async with world.client() as client:
        for headers, status in (({}, 401), ({"X-Admin-Key": "wrong"}, 403), (ADMIN, 200)):
            answer = await client.get(f"/provenance/{'a' * 32}", headers=headers)
            assert answer.status_code == status
        assert asked == ["a" * 32]
        wrong = await client.get("/provenance/latest", headers=ADMIN)
        assert wrong.status_code == 422
        Problem.model_validate(wrong.json())
    world.service.close()
