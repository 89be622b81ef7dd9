"""A release on its way in, with a clock and an audience of the test: aliases, tags and ledger at each step, and every way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import columns as c
from core.bundle import MANIFEST
from core.errors import DependencyUnavailable, NotFound
from lake import tables
from lake.adapters.delta import DeltaLake
from lake.adapters.memory import MemoryLake
from lake.ports import Lake
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.hand_moves import notice_moves
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import Action
from lifecycle.promotion import version_or_none
from lifecycle.rollout import HOUR, RolloutConfig, Stage
from lifecycle.rollouts import Rollouts, RolloutUnderWay, state_of
from recommender import split

T0 = 1.8e9 // 86_400 * 86_400
CONFIG = RolloutConfig(
    shares=(0.1, 0.5),
    min_users=50,
    min_step=HOUR,
    max_step=10 * HOUR,
    shadow_lists=20,
    probation=24 * HOUR,
    holdback=0.2,
    sustained=HOUR,
)


@dataclass
class World:
    """Version 1 is production, version 2 has passed the gate. Users 1 to 1,000 ask for a list when the test says so."""

    registry: FolderRegistry
    lake: Lake
    folder: Path
    now: float = T0
    config: RolloutConfig = CONFIG
    ended: list[tuple[str, bool, str]] = field(default_factory=list)
    requests: int = 0
    ledger: PromotionLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = PromotionLedger(self.lake, self.folder / "ledger", lambda: self.now)

    def rollouts(self) -> Rollouts:
        ended = lambda *what: self.ended.append(what)  # noqa: E731
        return Rollouts(self.registry, self.ledger, self.lake, self.config, 86_400.0, ended)

    def step(self, hours: float = 0.0) -> list[str]:
        """By a process that has just started."""
        self.now += hours * HOUR
        return self.rollouts().step()

    def alias(self, name: str) -> str | None:
        return version_or_none(self.registry, name)

    def state(self, version: str = "2") -> tuple[str, int]:
        found = state_of(self.registry.tags(version)["rollout"])
        assert found is not None
        return found.stage, found.step

    def parts(self) -> list[split.Part]:
        production, canary = self.alias("production"), self.alias("canary")
        assert production is not None
        parts = [split.holdback(production, self.registry.tags(production))]
        parts += [split.canary(canary, self.registry.tags(canary), 0.01)] if canary and canary != production else []
        return [part for part in reversed(parts) if part is not None]

    def people_ask(self, accept: dict[str, float], failing: float = 0.0, shadow: bool = False) -> None:
        """Each user for one list; `accept` is the share of the lists of a version that are accepted."""
        rng = np.random.default_rng(self.requests)
        lists, shown, answers = [], [], []
        for user in range(1, 1_001):
            self.requests += 1
            part = next((part for part in self.parts() if part.takes(user)), None)
            version = str(self.alias(part.alias if part else "production"))
            arm = split.arm_of("control", part.alias) if part else "control"
            request, new = f"r{self.requests}", version == "2"
            of_list = {c.REQUEST_ID: request, c.USER: user, c.ARM: arm, c.MODEL_VERSION: f"release-{version}", c.TS: self.now}
            made = {c.SECONDS: 0.01 * np.exp(rng.normal(0, 0.3)), c.DEGRADED: False, c.OFFSET: self.requests}
            fails = bool(new and rng.random() < failing)
            lists.append(of_list | made | {c.FAILED: fails, c.SHADOW: False, c.OVERLAP: None})
            if shadow and user % 20 == 0:
                fails = bool(rng.random() < failing)
                overlap = None if fails else 0.7
                lists.append(of_list | made | {c.ARM: "control-shadow", c.FAILED: fails, c.SHADOW: True, c.OVERLAP: overlap})
            place = {c.ITEM: 5, c.POSITION: 0, c.PROPENSITY: 1.0, c.SCORE: 1.0, c.POLICY: "p", c.EXPLORED: False}
            shown.append(of_list | place | {c.OFFSET: self.requests})
            if rng.random() < accept[version]:
                answer = {c.EVENT_ID: f"e{self.requests}", c.USER: user, c.ITEM: 5, c.KIND: "click", c.VALUE: None}
                answers.append(answer | {c.TS: self.now + 1, c.REQUEST_ID: request, c.OFFSET: self.requests})
        self.lake.append(tables.LISTS, pl.DataFrame(lists, schema_overrides={c.OVERLAP: pl.Float64}))
        self.lake.append(tables.IMPRESSIONS, pl.DataFrame(shown))
        self.lake.append(tables.INTERACTIONS, pl.DataFrame(answers, schema_overrides={c.VALUE: pl.Float64}))

    def actions(self) -> list[tuple[str, str, str]]:
        return [(one.note.action.value, one.note.alias, one.note.version) for one in self.ledger.entries()]

    def begin(self) -> None:
        self.rollouts().begin("2", actor="test", why="it passed the gate")

    def until_production(self, accept: dict[str, float]) -> None:
        self.begin()
        self.people_ask(accept, shadow=True)
        self.step(0.1)
        for _ in CONFIG.shares:
            for _ in range(4):  # four lists of each user
                self.people_ask(accept)
            self.step(1)
        assert self.alias("production") == "2"


@pytest.fixture(params=["memory", "delta"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    registry = FolderRegistry(tmp_path / "registry")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / MANIFEST).write_text("{}")
    for _ in range(3):
        registry.register(bundle)
    registry.point("production", "1")
    return World(registry, MemoryLake() if request.param == "memory" else DeltaLake(tmp_path / "lake"), tmp_path)


FINE = {"1": 0.5, "2": 0.6}


def test_the_way_in(world: World) -> None:
    world.begin()
    assert (world.alias("staging"), world.alias("canary"), world.alias("production")) == ("2", None, "1")
    assert world.step(0.1)[0].startswith("version 2, shadow: wait: 0 of 20 lists")
    world.people_ask(FINE, shadow=True)
    assert "70% of its items were in the shown lists" in world.step(0.1)[0]
    assert (world.alias("staging"), world.alias("canary"), world.state()) == (None, "2", (Stage.CANARY, 0))
    assert world.registry.tags("2")[split.CANARY_SHARE] == "0.1"
    assert "0 of 50 users of the canary at 10%" in world.step(0.5)[0]
    world.people_ask(FINE)
    world.step(0.5)
    assert (world.state(), world.registry.tags("2")[split.CANARY_SHARE]) == ((Stage.CANARY, 1), "0.5")
    for _ in range(4):
        world.people_ask(FINE)
    world.step(1)
    assert (world.alias("production"), world.alias("previous"), world.alias("canary")) == ("2", "1", None)
    assert world.state() == (Stage.PROBATION, 0 + 1)
    assert world.registry.tags("2")[split.HOLDBACK_SHARE] == "0.2"
    world.people_ask(FINE)
    assert "hours of probation are left" in world.step(1)[0]
    assert world.ended == []
    world.step(24)
    assert (world.state()[0], world.registry.tags("2")[split.HOLDBACK_SHARE]) == (Stage.OVER, "")
    assert [(version, good) for version, good, _ in world.ended] == [("2", True)]
    assert world.step(1) == []
    assert world.actions() == [
        ("pointed", "staging", "2"),
        ("pointed", "canary", "2"),
        ("pointed", "staging", ""),
        ("pointed", "canary", "2"),
        ("promoted", "production", "2"),
        ("pointed", "canary", ""),
        ("pointed", "production", "2"),
    ]
    assert world.ledger.verify() is None


def test_every_move_is_on_record_so_none_looks_like_one_by_hand(world: World) -> None:
    notice_moves(world.registry, world.ledger)  # what was there before
    before = len(world.ledger.entries())
    world.until_production(FINE)
    world.now += HOUR
    assert notice_moves(world.registry, world.ledger) == []
    assert Action.MOVED_BY_HAND not in {one.note.action for one in world.ledger.entries()[before:]}


def test_a_release_that_fails_in_shadow_never_has_a_user(world: World) -> None:
    world.begin()
    world.people_ask(FINE, failing=1.0, shadow=True)
    assert ": stop: errors: 100.00% of the lists failed" in world.step(0.1)[0]
    assert (world.alias("staging"), world.alias("canary"), world.state()[0]) == (None, None, Stage.OVER)
    assert "errors" in world.registry.tags("2")["refused"]
    assert [(version, good) for version, good, _ in world.ended] == [("2", False)]


@pytest.mark.parametrize(("accept", "failing", "guard"), [({"1": 0.5, "2": 0.1}, 0.0, "acceptance"), (FINE, 0.5, "errors")])
def test_a_canary_that_is_worse_is_stopped(world: World, accept: dict[str, float], failing: float, guard: str) -> None:
    world.begin()
    world.people_ask(FINE, shadow=True)
    world.step(0.1)
    for _ in range(3):
        world.people_ask(accept, failing)
    assert f": stop: {guard}" in world.step(0.05)[0], "it does not wait for the end of its step"
    assert (world.alias("canary"), world.alias("production")) == (None, "1")
    assert world.actions()[-1] == ("stopped", "canary", "")
    assert world.step(1) == []
    world.begin()  # it may be tried again
    assert world.state() == (Stage.SHADOW, 0)


def test_a_release_that_gets_worse_on_probation_is_rolled_back_once_that_lasts(world: World) -> None:
    world.until_production(FINE)
    bad = {"1": 0.5, "2": 0.2}
    for _ in range(3):
        world.people_ask(bad)
    assert "worse since 0 minutes" in world.step(0.5)[0]
    assert world.alias("production") == "2"
    world.people_ask(bad)
    assert ": roll back: worse for 1.0 hours" in world.step(1)[0]
    assert (world.alias("production"), world.state()[0]) == ("1", Stage.OVER)
    assert world.registry.tags("2")[split.HOLDBACK_SHARE] == ""
    assert world.actions()[-1] == ("rolled back", "production", "1")
    assert [(version, good) for version, good, _ in world.ended] == [("2", False)]
    assert world.step(1) == []


def test_a_fall_that_passes_is_no_reason(world: World) -> None:
    world.config = RolloutConfig(**{**CONFIG.__dict__, "window": 2 * HOUR})
    world.until_production(FINE)
    for _ in range(3):
        world.people_ask({"1": 0.5, "2": 0.2})
    world.step(0.1)
    world.now += 2 * HOUR
    for _ in range(3):
        world.people_ask(FINE)
    world.step(0.1)
    assert world.alias("production") == "2"
    found = state_of(world.registry.tags("2")["rollout"])
    assert found is not None
    assert found.worse_since is None


def test_one_release_at_a_time_and_a_person_can_stop_it(world: World) -> None:
    world.begin()
    with pytest.raises(RolloutUnderWay, match="version 2 is being let in \\(shadow\\)"):
        world.rollouts().begin("3", actor="test", why="")
    assert world.rollouts().stop(actor="ann", why="changed my mind") == "2"
    with pytest.raises(NotFound, match="no release is being let in"):
        world.rollouts().stop(actor="ann", why="")
    world.rollouts().begin("3", actor="test", why="")
    assert world.alias("staging") == "3"


def test_a_canary_that_is_removed_by_hand_is_over(world: World) -> None:
    world.begin()
    world.people_ask(FINE, shadow=True)
    world.step(0.1)
    world.registry.remove("canary")
    assert world.step(1) == []
    assert world.rollouts().under_way() is None


def test_production_moved_by_hand_ends_the_probation(world: World) -> None:
    world.until_production(FINE)
    world.registry.point("production", "3")
    assert world.step(1) == []
    assert world.alias("production") == "3"


def test_a_rollback_stops_what_was_compared_with_it(world: World) -> None:
    world.until_production(FINE)
    world.rollouts().begin("3", actor="test", why="newer")
    for _ in range(3):
        world.people_ask({"1": 0.5, "2": 0.1})
    world.step(0.1)
    world.step(1)
    assert (world.alias("production"), world.alias("staging")) == ("1", None)
    assert "was rolled back" in world.registry.tags("3")["refused"]


def crash(registry: FolderRegistry, after: int) -> Callable[[], None]:
    """Let the registry fail at the move after so many; the returned function mends it."""
    point, remove, left = registry.point, registry.remove, [after]

    def failing(call: Callable[..., None]) -> Callable[..., None]:
        def made(*arguments: str) -> None:
            if left[0] == 0:
                raise DependencyUnavailable("registry", "gone")
            left[0] -= 1
            call(*arguments)

        return made

    registry.point, registry.remove = failing(point), failing(remove)  # type: ignore[method-assign]

    def mend() -> None:
        registry.point, registry.remove = point, remove  # type: ignore[method-assign]

    return mend


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_takeover_that_is_interrupted_is_finished_by_the_next_step(world: World, after: int) -> None:
    """Its moves are: previous, production, and the end of canary."""
    world.begin()
    world.people_ask(FINE, shadow=True)
    world.step(0.1)
    world.people_ask(FINE)
    world.step(1)
    for _ in range(4):
        world.people_ask(FINE)
    mend = crash(world.registry, after)
    if after < 3:
        with pytest.raises(DependencyUnavailable):
            world.step(1)
    mend()
    world.step(1)
    assert (world.alias("production"), world.alias("previous"), world.alias("canary")) == ("2", "1", None)
    assert world.state()[0] == Stage.PROBATION
    assert world.registry.tags("2")[split.HOLDBACK_SHARE] == "0.2"


def test_without_the_lake_nothing_moves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.begin()

    def away(*_: object) -> None:
        raise DependencyUnavailable("lake", "gone")

    monkeypatch.setattr(world.lake, "version", away)
    with pytest.raises(DependencyUnavailable):
        world.step(1)
    assert world.alias("staging") == "2"


def test_a_tag_that_somebody_broke_leaves_the_alias_alone(world: World) -> None:
    world.begin()
    world.registry.tag("2", "rollout", "{")
    assert world.step(1) == []
    assert world.alias("staging") == "2"
