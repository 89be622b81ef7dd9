"""Experiments over HTTP: the admin key, what is refused, and lists of a forced variant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lake.adapters.memory import MemoryLake
from recommender.experiment import Experiment
from recommender.experiments.definition import LayeredExperiment
from recommender.host import Experimenting, RecommenderHost
from serving.models import ExperimentChanged, ExperimentStates, Problem

pytestmark = pytest.mark.anyio
ADMIN = {"X-Admin-Key": "secret"}
FILE = 'name = "{name}"\nlayer = "{layer}"\n[variants.control]\nshare = 0.5\n[variants.b]\nshare = 0.5\noverrides.popular.k = 9\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, layer in (("trial", "one"), ("rival", "two")):
        (tmp_path / f"{name}.toml").write_text(FILE.format(name=name, layer=layer))
    (tmp_path / "torn.toml").write_text("name = ")
    return tmp_path


@pytest.fixture
def world(folder: Path, build_world: Any) -> Iterator[Any]:
    world = build_world(experiments=folder, lake=MemoryLake())
    yield world
    world.service.close()
    world.app.state.api.ingestion.close()
    world.readiness.close()


async def ask(world: Any, method: str, path: str, headers: dict[str, str] = ADMIN) -> Any:
    async with world.client() as client:
        return await client.request(method, path, headers=headers)


async def states(world: Any) -> dict[str, str]:
    answer = await ask(world, "GET", "/admin/experiments")
    return {one.name: one.state for one in ExperimentStates.model_validate(answer.json()).experiments}


async def test_start_list_and_stop(world: Any) -> None:
    assert await states(world) == {"rival": "defined", "torn": "faulty", "trial": "defined"}
    answer = await ask(world, "POST", "/admin/experiments/trial/start?why=to+see&dry_run=true")
    assert ExperimentChanged.model_validate(answer.json()).dry_run
    assert (await states(world))["trial"] == "defined"
    await ask(world, "POST", "/admin/experiments/trial/start?why=to+see")
    assert (await states(world))["trial"] == "running"
    refused = await ask(world, "POST", "/admin/experiments/rival/start")
    assert (refused.status_code, Problem.model_validate(refused.json()).type.rsplit(":", 1)[-1]) == (409, "experiment-conflict")
    assert "popular.k" in refused.json()["detail"]
    assert (await ask(world, "POST", "/admin/experiments/trial/stop")).status_code == 200
    assert (await states(world))["trial"] == "stopped"
    assert (await ask(world, "POST", "/admin/experiments/trial/stop")).status_code == 409


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/admin/experiments/nothing/start", 404),
        ("/admin/experiments/torn/start", 422),
        ("/admin/experiments/trial/start?speed=3", 422),
        ("/admin/experiments/..%2Fdefault/start", 404),
    ],
)
async def test_what_cannot_be_started_is_a_problem(world: Any, path: str, status: int) -> None:
    answer = await ask(world, "POST", path)
    assert answer.status_code == status
    Problem.model_validate(answer.json())


@pytest.mark.parametrize("call", [("GET", ""), ("POST", "/trial/start"), ("POST", "/trial/stop")])
@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-Admin-Key": "wrong"}, 403)])
async def test_it_needs_the_admin_key(world: Any, call: tuple[str, str], headers: dict[str, str], status: int) -> None:
    assert (await ask(world, call[0], f"/admin/experiments{call[1]}", headers)).status_code == status
    assert (await states(world))["trial"] == "defined"


@pytest.fixture
def trying(folder: Path, build_world: Any, make_host: Any) -> Iterator[Any]:
    """A host that serves the experiment `trial`."""
    plain, running = make_host(), (LayeredExperiment.load("trial", folder),)
    host = RecommenderHost(
        Experiment.of({"arms": {"control": {"share": 1.0, "release": "r1"}}}, "test.toml"),
        {"control": plain.main.policy},
        lambda _: plain._releases["r1"],
        lambda _: "1",
        experiments=Experimenting(lambda: running),
    )
    world = build_world(host)
    yield world
    world.service.close()
    world.app.state.api.ingestion.close()
    world.readiness.close()
    plain.close()


async def test_a_forced_variant_is_logged_as_forced_for_any_id(trying: Any) -> None:
    for user in ("7", "zo%C3%AB%2F1"):
        for variant in ("control", "b"):
            answer = await ask(trying, "GET", f"/recommend/{user}?k=3", ADMIN | {"X-Experiment-Variant": f"trial:{variant}"})
            assert answer.json()["arm"] == f"control+trial:{variant}!"
        by_chance = (await ask(trying, "GET", f"/recommend/{user}?k=3", {})).json()["arm"]
        assert by_chance in ("control+trial:control", "control+trial:b")
    logged = {one.arm for one in trying.shown()}
    assert {"control+trial:control!", "control+trial:b!"} < logged


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Experiment-Variant": "trial:b"}, 401),
        ({"X-Experiment-Variant": "trial:b", "X-Admin-Key": "wrong"}, 403),
        (ADMIN | {"X-Experiment-Variant": "trial:loud"}, 404),
        (ADMIN | {"X-Experiment-Variant": "nothing:b"}, 404),
        (ADMIN | {"X-Experiment-Variant": "trial"}, 422),
    ],
)
async def test_who_may_not_force_and_what_cannot_be_forced(trying: Any, headers: dict[str, str], status: int) -> None:
    answer = await ask(trying, "GET", "/recommend/7", headers)
    assert answer.status_code == status
    Problem.model_validate(answer.json())
