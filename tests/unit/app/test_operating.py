"""What operators do through the API: the same gate, ledger and errors as the commands, and figures that the lake has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from app import console, wiring
from app.usecases import releasing
from app.usecases.acceptance_by_day import DAY, AcceptanceByDay
from app.usecases.background_state import background_state
from app.usecases.operating import ReleaseOperations, latest_moves, words
from core.bundle import FILES, Comparison, Manifest, digests
from core.errors import DependencyUnavailable, InvalidInput, NotFound
from core.events import INTERACTIONS as TOPIC
from core.ports import Record
from core.settings import Settings
from lake.adapters.memory import MemoryLake
from lake.tables import IMPRESSIONS, INTERACTIONS
from lifecycle.ledger_entries import Action, LedgerEntry, Note
from lifecycle.promotion import PromotionRefused
from serving import operate_models as models
from streaming.adapters.memory import MemoryEventLog

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
BEHAVED = {f"behaviour_{name}": 0.0 for name in ("repeats", "short", "unstable", "hidden")}
GOOD = {"ndcg@10": 0.10, "popularity_ndcg@10": 0.06, "lift_low": 0.02, "lift_high": 0.06, "coverage@10": 0.2} | BEHAVED
BAD = GOOD | {"ndcg@10": 0.05}
BESIDE = Comparison(  # on the data of production there were no newer events to predict, but lists were timed
    production="first", start=0.0, end=1.0, queries=0, users=0, ndcg=0.0, production_ndcg=0.0, low=0.0, high=0.0,
    milliseconds=5.0, production_milliseconds=5.0,
)  # fmt: skip
NOON = 20_000.5 * DAY


def registered(settings: Settings, folder: Path, metrics: dict[str, float]) -> str:
    """The version of a release that is whole, if not one to serve."""
    folder.mkdir()
    for file in FILES:
        (folder / file).write_text(f"{folder.name} {file}")
    manifest = Manifest(
        release=folder.name, created="", code_version="abc", data_version={"interactions": 0}, trained_until=0.0,
        feature_schema="", dim=4, n_items=2, metrics=metrics, config={}, files=digests(folder), compared=BESIDE,
    )  # fmt: skip
    manifest.write(folder)
    return releasing.register(settings, folder, lambda _: None)


def test_promotion_refusal_and_rollback_are_those_of_the_commands(marquee: Callable[..., Result], tmp_path: Path) -> None:
    settings = console.settings()
    control, registry = ReleaseOperations(settings), wiring.registry(settings)
    assert control.listed(50) == {"releases": [], "moves": []}
    for name, metrics in (("first", GOOD), ("second", GOOD), ("third", BAD)):
        registered(settings, tmp_path / name, metrics)
    with pytest.raises(NotFound):
        control.promote("9", actor="key ops", why="", dry_run=False)
    with pytest.raises(NotFound, match="no earlier release"):
        control.rollback(actor="key ops", why="", dry_run=False)
    models.Promoted.model_validate(control.promote("1", actor="key ops", why="", dry_run=True))
    assert "production" not in registry.aliases()
    for version in ("1", "2"):
        done = models.Promoted.model_validate(control.promote(version, actor="key ops", why="spring", dry_run=False))
        assert done.release == {"1": "first", "2": "second"}[version]
        assert all(check.passed for check in done.checks)
    for dry_run in (True, False):
        with pytest.raises(PromotionRefused, match="beats popularity"):
            control.promote("3", actor="key ops", why="", dry_run=dry_run)
    assert control.rollback(actor="key ops", why="", dry_run=True) == {"version": "1", "release": "first", "dry_run": True}
    assert registry.aliases()["production"] == "2"
    assert control.rollback(actor="key ops", why="worse", dry_run=False)["version"] == "1"
    assert registry.aliases()["production"] == "1"

    listed = models.Releases.model_validate({"serving": "first", **control.listed(50)})
    assert [(one.version, one.name, one.gate) for one in listed.releases] == [
        ("3", "third", "failed"), ("2", "second", "passed"), ("1", "first", "passed"),
    ]  # fmt: skip
    assert "beats popularity" in (listed.releases[0].why or "")
    assert listed.releases[1].why is None
    assert listed.releases[2].metrics["ndcg_at_10"] == 0.1
    assert listed.releases[2].aliases == ["previous", "production"]
    [back, refused, second, *_] = [move for move in listed.moves if move.actor == "key ops"]
    assert (back.action, back.release, back.why, back.outcome) == ("rolled back", "first", "worse", "done")
    assert (refused.action, refused.release, refused.outcome) == ("refused", "third", "refused")
    assert (second.action, second.version, second.why) == ("promoted", "2", "spring")
    assert [move.number for move in models.Releases.model_validate({"serving": "", **control.listed(1)}).moves] == [back.number]
    assert "holds" in marquee("release", "history").stderr


def test_a_move_that_the_registry_refused_was_not_done() -> None:
    chain: list[LedgerEntry] = []
    for action, version, alias in (
        (Action.PROMOTED, "1", "production"),
        (Action.EXPERIMENT_STARTED, "", ""),
        (Action.PROMOTED, "2", "production"),
        (Action.NOT_DONE, "1", "production"),
    ):
        chain.append(LedgerEntry.after(chain[-1] if chain else None, Note(action, "ann", version, 1.0, alias=alias)))
    assert [(one["version"], one["outcome"]) for one in latest_moves(chain, 10)] == [("2", "not done"), ("1", "done")]


def test_words_and_links(tmp_path: Path) -> None:
    usual = words(Settings(home=tmp_path))
    models.DomainWords.model_validate(usual)
    assert usual["links"] == {"mlflow": None, "grafana": None, "docs": "/docs"}  # MLflow is a file, which no browser opens
    remote = Settings(home=tmp_path, mlflow_tracking_uri="https://ann:secret@mlflow.example/x", grafana_url="http://graphs:3000")
    assert words(remote)["links"]["mlflow"] == "https://mlflow.example/x"
    assert words(remote)["links"]["grafana"] == "http://graphs:3000"
    assert words(Settings(home=tmp_path, mlflow_url="http://here:5000", domain="books"))["words"]["items"] == "books"
    assert words(Settings(home=tmp_path, mlflow_url="javascript:alert(1)"))["links"]["mlflow"] is None
    with pytest.raises(NotFound, match="films"):
        words(Settings(home=tmp_path, domain="cars"))
    with pytest.raises(InvalidInput):
        words(Settings(home=tmp_path, domain=str(tmp_path / "none.toml")))


def shown(request_id: str, user: int, ts: float, label: str | None = None) -> dict[str, Any]:
    row = {"request_id": request_id, "user_id": user, "item_id": 1, "position": 0, "propensity": 1.0, "score": 0.0}
    return row | {"policy": "p", "arm": "a", "model_version": "r", "ts": ts, "log_offset": 1, "explored": False, "label": label}


def answer(request_id: str | None, user: int, ts: float, kind: str = "click") -> dict[str, Any]:
    event = {"event_id": f"{request_id}{ts}", "user_id": user, "item_id": 1, "kind": kind, "value": None, "ts": ts}
    return event | {"request_id": request_id, "log_offset": 1}


def test_acceptance_by_day_counts_lists_on_the_day_on_which_they_were_shown() -> None:
    midnight = 20_000.0 * DAY
    lake = MemoryLake()
    assert AcceptanceByDay(lake, DAY, lambda: NOON).of(30) == []
    rows = [
        shown("late", 7, midnight - 10), shown("a", 7, midnight), shown("b", 7, midnight + 5), shown("c", 8, midnight + 9),
        shown("placed", 9, midnight + 9, "promoted"), shown("old", 7, midnight - 40 * DAY),
    ]  # fmt: skip
    lake.append(IMPRESSIONS, pl.DataFrame(rows, schema_overrides={"label": pl.String}))
    answers = [
        answer("late", 7, midnight + 20), answer("a", 7, midnight + 60), answer("b", 7, midnight + 60, "skip"),
        answer(None, 8, midnight + 60), answer("old", 7, midnight - 39.5 * DAY),
    ]  # fmt: skip
    lake.append(INTERACTIONS, pl.DataFrame(answers, schema_overrides={"value": pl.Float64}))
    counted = AcceptanceByDay(lake, DAY, lambda: NOON)
    found = models.AcceptanceByDay.model_validate({"days": counted.of(30)}).days
    assert [(one.shown, one.accepted) for one in found] == [(1, 1), (3, 1)]
    assert [one.day for one in found] == ["2024-10-03", "2024-10-04"]
    assert found[1].rate == pytest.approx(1 / 3)
    assert all(0 <= one.low < one.rate <= one.high <= 1 or one.high == 1 for one in found)
    assert [one["shown"] for one in counted.of(1)] == [3]
    assert [one["shown"] for one in counted.of(60)] == [1, 1, 3]


def test_days_that_are_over_are_counted_once() -> None:
    class Counting(MemoryLake):
        reads = 0

        def read(self, *args: Any) -> pl.DataFrame:
            self.reads += 1
            return super().read(*args)

    lake = Counting()
    lake.append(IMPRESSIONS, pl.DataFrame([shown("a", 7, NOON - 5 * DAY)], schema_overrides={"label": pl.String}))
    counted = AcceptanceByDay(lake, DAY, lambda: NOON)
    first, reads = counted.of(10), lake.reads
    assert counted.of(10) == first
    assert lake.reads - reads == 2  # yesterday and today may still change


def test_what_works_in_the_background(tmp_path: Path) -> None:
    settings, log = Settings(home=tmp_path), MemoryEventLog()
    log.append(TOPIC, [Record("7", str(one), b"") for one in range(3)])
    state = background_state(settings, log, "r1", 0)
    models.OperatorStatus.model_validate(state)
    assert state["consumer"] == {"lag": 3, "groups": {"features": 3, "lake": 3, "learner": 3}, "statistics_at": None}
    assert state["learning"] == {"enabled": True, "release": "r1", "version": 0, "updated_at": None}
    assert (state["retraining"]["state"], state["retraining"]["running"]) == ("unattended", None)
    paused = background_state(Settings(home=tmp_path, retrain=False, learn=False), log, "r1", 0)
    assert paused["retraining"]["state"] == "waiting"
    assert list(paused["consumer"]["groups"]) == ["features", "lake"]


def test_a_log_that_does_not_answer_leaves_the_lag_unknown(tmp_path: Path) -> None:
    class Away(MemoryEventLog):
        def waiting(self, topic: str, group: str) -> int:
            raise DependencyUnavailable("kafka", "no broker")

    assert background_state(Settings(home=tmp_path), Away(), "r1", 0)["consumer"]["lag"] is None
