"""The watchdog on a real lake and a folder registry: what it says, what it writes, when it asks for a retraining."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from prometheus_client import REGISTRY

from core import bundle
from core import columns as c
from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.ports import RetrainAnswer
from evaluation.watched import USERS, as_frame, reference_columns
from lake import tables
from lake.adapters.delta import DeltaLake
from lifecycle.adapters.memory import FolderRegistry
from monitoring.adapters.memory import WassersteinDrift
from monitoring.journal import REPORT, STATUS, Journal
from monitoring.reward import RewardConfig
from monitoring.timeline import Timeline
from monitoring.watch import NO_USERS, Verdict, WatchConfig
from monitoring.watchdog import Watchdog, WatchdogConfig

CUT = 1_000_000.0
ITEMS = pl.DataFrame(
    {
        c.ITEM: range(1, 41),
        c.TITLE: [f"film {n}" for n in range(40)],
        c.GENRES: [["Drama"] if n < 20 else ["Horror"] for n in range(40)],
        c.YEAR: [1980 + n for n in range(40)],
    },
    schema_overrides={c.YEAR: pl.Int32},
)
CATALOGUE = Catalogue.from_frame(ITEMS)


def events(rows: int, items: tuple[int, int], start: float, users: int = 20) -> pl.DataFrame:
    """Ratings of items in a range of ids, one a minute."""
    rng = np.random.default_rng(rows)
    return pl.DataFrame(
        {
            c.EVENT_ID: [f"{start:.0f}-{n}" for n in range(rows)],
            c.USER: 1 + np.arange(rows) % users,
            c.ITEM: rng.integers(items[0], items[1] + 1, rows),
            c.KIND: "rating",
            c.VALUE: rng.integers(1, 11, rows) / 2,
            c.TS: start + 60.0 * np.arange(rows),
            c.REQUEST_ID: pl.Series([None] * rows, dtype=pl.String),
            c.OFFSET: np.arange(rows),
        }
    )


SEEN = events(1000, (1, 20), 0.0)
LATER = CUT + 1.0


def register(registry: FolderRegistry, folder: Path, release: str) -> str:
    """A bundle with the parts that a watchdog reads."""
    folder.mkdir()
    for name in bundle.FILES:
        (folder / name).write_text(name)
    counts = np.bincount(CATALOGUE.rows(SEEN[c.ITEM].to_numpy()), minlength=len(CATALOGUE)).astype(np.float32)
    stats = ItemStats(CUT, counts, counts, counts)
    ITEMS.write_parquet(folder / bundle.CATALOGUE)
    stats.write(folder / bundle.ITEM_STATS)
    as_frame(reference_columns(SEEN, CATALOGUE, stats, seed=1)).write_parquet(folder / bundle.REFERENCE)
    Manifest(
        release=release, created="", code_version="", data_version={}, trained_until=CUT, feature_schema="", dim=4,
        n_items=40, metrics={}, config={}, files=bundle.digests(folder),
    ).write(folder)  # fmt: skip
    return registry.register(folder)


@dataclass
class Asking:
    """Retraining that hands the reasons to a function, and starts one unless it has a reason against it."""

    take: Callable[[str], None]
    against: str = ""

    def ask(self, trigger: str, reasons: Sequence[str]) -> RetrainAnswer:
        self.take("; ".join(reasons))
        return RetrainAnswer(not self.against, self.against or f"because of {trigger}", 5_000_100.0 if self.against else None)


@dataclass
class WatchdogSetup:
    """A watchdog and everything around it, with a clock that stands still until it is moved."""

    folder: Path
    config: WatchdogConfig = field(
        default_factory=lambda: WatchdogConfig(window=400, min_rows=50, decision=WatchConfig(retrain=True, drifted_windows=1))
    )
    now: float = 5_000_000.0
    asked: list[str] = field(default_factory=list)
    against: str = ""  # why no retraining may start

    def __post_init__(self) -> None:
        self.lake = DeltaLake(self.folder / "lake")
        self.registry = FolderRegistry(self.folder / "registry")
        self.registry.point("production", register(self.registry, self.folder / "one", "release-one"))

    def watchdog(self) -> Watchdog:
        journal = Journal(self.folder / "watch")
        detector = WassersteinDrift()
        return Watchdog(
            self.registry,
            self.lake,
            detector,
            journal,
            Asking(self.asked.append, self.against),
            self.config,
            self.timeline,
            lambda: self.now,
        )

    @property
    def timeline(self) -> Timeline:
        return Timeline(self.folder / "watch")

    def status(self) -> dict[str, object]:
        return dict(json.loads((self.folder / "watch" / STATUS).read_text()))


@pytest.fixture
def world(tmp_path: Path) -> WatchdogSetup:
    return WatchdogSetup(tmp_path)


def checks(verdict: str) -> float:
    return REGISTRY.get_sample_value("marquee_watch_checks_total", {"verdict": verdict}) or 0.0


def test_traffic_like_training_is_ok(world: WatchdogSetup, caplog: pytest.LogCaptureFixture) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    before = checks("ok")
    with caplog.at_level(logging.INFO, "monitoring"):
        decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.OK, decision
    assert checks("ok") == before + 1
    assert REGISTRY.get_sample_value("marquee_drift_share") == world.status()["drift_share"]
    assert world.status()["release"] == "release-one"
    assert world.status()["events"] == 400
    assert world.status()["users"] == 20
    assert world.status()["acceptance"] is None
    assert "<table>" in (world.folder / "watch" / REPORT).read_text()
    assert len(caplog.records) == 1
    assert "400 events of 20 users against release release-one" in caplog.text
    assert world.asked == []


def test_other_tastes_ask_for_a_retraining(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER))
    before = REGISTRY.get_sample_value("marquee_decisions_total", {"decision": "retrain"}) or 0.0
    decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.RETRAIN
    assert "watched features drifted" in world.asked[0]
    assert world.status()["verdict"] == "retrain"
    assert REGISTRY.get_sample_value("marquee_decisions_total", {"decision": "retrain"}) == before + 1
    assert (REGISTRY.get_sample_value("marquee_drift_distance", {"feature": "genre:Horror"}) or 0.0) > 1.0


def test_every_check_is_on_record_with_what_was_done(world: WatchdogSetup) -> None:
    world.watchdog().check()  # no lake yet
    world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER))
    for now, against in ((0.0, ""), (-50.0, ""), (10.0, "one runs")):  # the clock is set back once
        world.now, world.against = 5_000_000.0 + now, against
        world.watchdog().check()
    found = world.timeline.newest(10)
    assert [entry.verdict for entry in found] == ["cannot tell", "retrain", "retrain", "retrain"]
    started = "a retraining was started: because of drift"
    assert [entry.action for entry in found[1:]] == [started, started, "a retraining was not started: one runs"]
    assert "interactions" in found[0].reasons[0]
    assert found[1].release == "release-one"
    assert found[1].next_at == world.config.interval + 5_000_000.0


def test_drift_must_be_seen_in_two_windows_and_a_window_seen_again_is_still_one(world: WatchdogSetup) -> None:
    world.config = replace(world.config, decision=WatchConfig(retrain=True))
    verdicts = []
    for batch in (0, None, 1, None):  # None: no new events; a new watchdog each time
        if batch is not None:
            world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER + batch * 1e6))
        decision = world.watchdog().check()
        assert decision is not None
        verdicts.append(decision.verdict.value)
    assert verdicts == ["suspected", "suspected", "retrain", "retrain"]
    assert len(world.asked) == 2, "whether a second one may start is for the rules of retraining"
    assert [entry.window for entry in world.timeline.newest(4)] == [0, 0, 1, 1]


def test_only_the_newest_window_counts(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER))
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER + 1e6))
    decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.OK


@pytest.mark.parametrize(("rows", "users"), [(3, 3), (49, 20), (400, 9)], ids=["three events", "few events", "few users"])
def test_too_little_traffic_cannot_be_told(world: WatchdogSetup, rows: int, users: int) -> None:
    world.lake.append(tables.INTERACTIONS, events(rows, (35, 40), LATER, users))
    decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.CANNOT_TELL
    assert f"the window has {rows} events of {users} users, at least 50 of 10 users are needed" in decision.reasons
    assert world.status()["drift_share"] is None
    assert world.asked == []


def test_acceptance_is_the_share_of_answered_lists(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    lists = {"r1": 7, "r2": 8}
    answer = events(1, (7, 7), LATER + 1e6, users=1).with_columns(pl.lit("r1").alias(c.REQUEST_ID))
    shown = pl.DataFrame(
        {
            c.REQUEST_ID: list(lists), c.USER: 1, c.ITEM: list(lists.values()), c.POSITION: 0, c.PROPENSITY: 1.0, c.SCORE: 0.5,
            c.POLICY: "p", c.ARM: "control", c.MODEL_VERSION: "release-one", c.TS: [LATER + 1e6 - 60] * 2, c.OFFSET: [0, 1],
        }
    )  # fmt: skip
    world.lake.append(tables.IMPRESSIONS, shown)
    world.lake.append(tables.INTERACTIONS, answer)
    world.watchdog().check()
    assert world.status()["acceptance"]["per_list"] == 0.5
    assert REGISTRY.get_sample_value("marquee_acceptance_rate", {"unit": "list"}) == 0.5


def test_events_without_stars_leave_that_feature_out(world: WatchdogSetup) -> None:
    clicks = events(400, (1, 20), LATER).with_columns(pl.lit("click").alias(c.KIND), pl.lit(None, pl.Float64).alias(c.VALUE))
    world.lake.append(tables.INTERACTIONS, clicks)
    world.watchdog().check()
    distances = world.status()["distances"]
    assert isinstance(distances, dict)
    assert "value" not in distances
    assert "popularity" in distances


def test_a_feature_that_vanished_or_is_nan_is_named_and_the_others_are_still_compared(world: WatchdogSetup) -> None:
    broken = events(400, (35, 40), LATER).with_columns(pl.lit(float("nan")).alias(c.VALUE))
    world.lake.append(tables.INTERACTIONS, broken)
    decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.RETRAIN
    assert "cannot be told: value is missing in the window" in decision.reasons
    assert "data: 400 of 400 ratings have no finite value" in decision.reasons
    assert world.status()["untold"] == {"value": "value is missing in the window"}


def test_the_reasons_name_feature_p_value_and_effect(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER))
    decision = world.watchdog().check()
    assert decision is not None
    assert re.search(r"age \(p \de-\d+, effect 1\.00\)", decision.reasons[0]), decision.reasons
    found = world.status()["changes"]
    assert isinstance(found, dict)
    assert found["age"]["changed"]
    assert not found["value"]["changed"]


def test_one_user_with_another_taste_is_no_drift(world: WatchdogSetup) -> None:
    usual, fan = events(300, (1, 20), LATER), events(300, (35, 40), LATER + 1e6, users=1)
    world.config = replace(world.config, window=600)
    world.lake.append(tables.INTERACTIONS, usual)
    world.lake.append(tables.INTERACTIONS, fan.with_columns(pl.lit(99).alias(c.USER).cast(pl.Int64)))
    decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.OK
    assert world.status()["drift_share"] >= 0.5, "by distance it would be drift"  # type: ignore[operator]


def test_a_release_without_users_in_its_reference_is_judged_by_distance_and_says_so(world: WatchdogSetup) -> None:
    path = world.registry.fetch("production") / bundle.REFERENCE
    pl.read_parquet(path).drop(USERS).write_parquet(path)
    world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER))
    decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.RETRAIN
    assert NO_USERS in decision.reasons
    assert world.status()["changes"] == {}


def test_a_new_production_release_is_taken_up(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    watchdog = world.watchdog()
    watchdog.check()
    world.registry.point("production", register(world.registry, world.folder / "two", "release-two"))
    watchdog.check()
    assert world.status()["release"] == "release-two"


def corrupt_lake(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(60, (1, 20), LATER))
    for log in (world.folder / "lake").rglob("_delta_log/*.json"):
        log.write_text("{half")


def no_lake(world: WatchdogSetup) -> None:
    assert not (world.folder / "lake").exists()


def no_release(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    (world.registry.fetch("production") / bundle.REFERENCE).unlink()


def no_room_for_reports(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    (world.folder / "watch").write_text("a file where the folder should be")


@pytest.mark.parametrize("fault", [no_lake, corrupt_lake, no_release, no_room_for_reports])
def test_a_fault_is_logged_and_counted_and_the_watchdog_goes_on(
    world: WatchdogSetup, fault: Callable[[WatchdogSetup], None], caplog: pytest.LogCaptureFixture
) -> None:
    fault(world)
    before = checks("cannot tell")
    watchdog = world.watchdog()
    with caplog.at_level(logging.WARNING, "monitoring"):
        assert watchdog.check() is None
        assert watchdog.check() is None
    assert checks("cannot tell") == before + 2
    assert "no check: " in caplog.text


def test_a_lake_that_appears_later_is_seen(world: WatchdogSetup) -> None:
    watchdog = world.watchdog()
    assert watchdog.check() is None
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    assert watchdog.check() is not None


def test_a_retraining_that_cannot_start_does_not_end_the_watchdog(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER))

    def fail(reasons: str) -> None:
        raise OSError("no process can be started")

    journal = Journal(world.folder / "watch")
    watchdog = Watchdog(
        world.registry, world.lake, WassersteinDrift(), journal, Asking(fail), world.config, world.timeline, lambda: world.now
    )
    assert watchdog.check() is None
    assert "no process can be started" in world.timeline.newest(1)[0].reasons[0]


def test_run_checks_until_it_is_stopped(world: WatchdogSetup) -> None:
    stop = threading.Event()
    seen: list[int] = []

    class Stopping(WassersteinDrift):
        def compare(self, *samples):  # type: ignore[no-untyped-def]
            seen.append(1)
            if len(seen) == 2:
                stop.set()
            return super().compare(*samples)

    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    config = WatchdogConfig(interval=0.0, window=400, min_rows=50)
    Watchdog(
        world.registry,
        world.lake,
        Stopping(),
        Journal(world.folder / "watch"),
        Asking(world.asked.append),
        config,
        world.timeline,
    ).run(stop)
    assert len(seen) == 2


def served(lists: int, rate: float, start: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lists of one item, one each half minute, and a click on the first `rate` of each ten of them."""
    numbers = np.arange(lists)
    shown = pl.DataFrame(
        {
            c.REQUEST_ID: [f"{start:.0f}-{n}" for n in numbers], c.USER: 1 + numbers % 60, c.ITEM: 7, c.POSITION: 0,
            c.PROPENSITY: 1.0, c.SCORE: 0.5, c.POLICY: "p", c.ARM: "control", c.MODEL_VERSION: "release-one",
            c.TS: start + 30.0 * numbers, c.OFFSET: numbers,
        }
    )  # fmt: skip
    taken = shown.filter(pl.Series(numbers * 7 % 10 < rate * 10))
    answers = taken.select(
        (pl.lit("c") + pl.col(c.REQUEST_ID)).alias(c.EVENT_ID), c.USER, c.ITEM, pl.lit("click").alias(c.KIND),
        pl.lit(None, pl.Float64).alias(c.VALUE), pl.col(c.TS) + 20.0, c.REQUEST_ID, c.OFFSET,
    )  # fmt: skip
    return shown, answers


@pytest.mark.parametrize("restarts", [False, True])
def test_a_sustained_fall_of_acceptance_asks_for_a_retraining_because_of_the_reward(world: WatchdogSetup, restarts: bool) -> None:
    world.config = replace(
        world.config,
        decision=WatchConfig(retrain=True),
        reward=RewardConfig(lists=300, min_lists=200, min_users=20),
        min_rows=10_000,  # features are out of the question
    )
    verdicts, watchdog = [], world.watchdog()
    for batch, rate in enumerate((0.5, 0.5, 0.2, 0.2, 0.2)):
        shown, answers = served(2_500 if batch > 1 else 400, rate, LATER + batch * 1e6)
        world.lake.append(tables.IMPRESSIONS, shown)
        world.lake.append(tables.INTERACTIONS, answers)
        watchdog = world.watchdog() if restarts else watchdog
        decision = watchdog.check()
        assert decision is not None
        verdicts.append((decision.verdict.value, decision.fell))
    assert verdicts[:2] == [("cannot tell", None), ("cannot tell", False)]
    assert verdicts[2:] == [("suspected", True), ("retrain", True), ("retrain", True)]
    assert world.timeline.newest(1)[0].action == "a retraining was started: because of reward"
    assert "acceptance is 20.0% of lists, 50.0% of the release's first: it fell" in world.asked[-1]
    rewards = world.status()["rewards"]
    assert isinstance(rewards, dict)
    assert rewards["acceptance"]["fell"]
    found = world.status()["served"]
    assert isinstance(found, dict)
    assert found["acceptance"]["user_days"] > 100
    assert REGISTRY.get_sample_value("marquee_reward_ratio", {"rate": "acceptance"}) == pytest.approx(0.4, abs=0.02)


def test_two_watchdogs_come_to_the_same_decision_and_both_are_on_record(world: WatchdogSetup) -> None:
    one, other = world.watchdog(), world.watchdog()
    for batch in range(2):
        world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER + batch * 1e6))
        first, second = one.check(), other.check()
        assert first is not None
        assert second is not None
        assert (first.verdict, first.reasons) == (second.verdict, second.reasons)
    assert [entry.window for entry in world.timeline.newest(9)] == [0, 0, 1, 1], "a window that both saw is one window"


def test_a_clock_set_back_does_not_hide_what_came(world: WatchdogSetup) -> None:
    watchdog = world.watchdog()
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER))
    watchdog.check()
    world.now = 10.0
    world.lake.append(tables.INTERACTIONS, events(400, (35, 40), LATER + 1e6))
    decision = watchdog.check()
    assert decision is not None
    assert decision.verdict is Verdict.RETRAIN
    assert world.timeline.newest(1)[0].at == 10.0


def test_new_kinds_are_named_and_do_not_decide(world: WatchdogSetup) -> None:
    world.lake.append(tables.INTERACTIONS, events(400, (1, 20), LATER).with_columns(pl.lit("click").alias(c.KIND)))
    decision = world.watchdog().check()
    assert decision is not None
    assert decision.verdict is Verdict.OK
    assert "data: 400 of 400 events are of kind click, which the reference sample does not have" in decision.reasons
