"""What was moved elsewhere is on record once, and what Marquee does itself is never taken for it."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from core.bundle import MANIFEST, RANKER
from lake.adapters.delta import DeltaLake
from lake.adapters.memory import MemoryLake
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.gates import GateCheck, GateResult
from lifecycle.hand_moves import GRACE, notice_moves
from lifecycle.ledger import LedgerUnavailable, PromotionLedger
from lifecycle.ledger_entries import Action
from lifecycle.promotion import PromotionRefused, promote, register, rollback
from recommender.release import Release

YES = GateResult((GateCheck("fine", True, "as it should be"),))
NO = GateResult((GateCheck("covers", False, "1 % of 10 %"),))


class Moved:
    """A registry of three versions, and a ledger whose clock the test moves."""

    def __init__(self, folder: Path) -> None:
        self.now = 1.7e9
        self.folder = folder
        self.registry = FolderRegistry(folder / "registry")
        self.ledger = PromotionLedger(MemoryLake(), folder / "ledger", lambda: self.now)
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        (self.bundle / MANIFEST).write_text("{}")
        for _ in range(3):
            register(self.registry, self.ledger, self.bundle, actor="test")

    def promote(self, version: str) -> None:
        promote(self.registry, self.ledger, version, YES, actor="test")

    def by_hand(self, alias: str, version: str) -> None:
        """As another tool does it: no tag is mirrored."""
        path = self.folder / "registry" / "aliases.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {alias: version}))

    def tags(self, version: str) -> dict[str, str]:
        return next(dict(one.tags) for one in self.registry.versions() if one.version == version)

    def noticed(self) -> list[tuple[Action, str, str, str]]:
        self.now += GRACE + 1
        found = [entry.note for entry in notice_moves(self.registry, self.ledger)]
        return [(note.action, note.alias, note.version, note.from_version) for note in found]


@pytest.fixture
def moved(tmp_path: Path) -> Moved:
    return Moved(tmp_path)


def test_what_marquee_does_is_not_by_hand(moved: Moved) -> None:
    assert moved.noticed() == []
    moved.promote("1")
    moved.promote("2")
    assert moved.noticed() == []
    rollback(moved.registry, moved.ledger, actor="test")
    assert moved.noticed() == []
    assert moved.registry.version("candidate") == "3"


def test_a_move_by_hand_is_noticed_once(moved: Moved) -> None:
    moved.promote("1")
    moved.registry.point("production", "3")
    moved.registry.point("canary", "2")
    assert moved.noticed() == [
        (Action.MOVED_BY_HAND, "canary", "2", ""),
        (Action.MOVED_BY_HAND, "production", "3", "1"),
    ]
    assert moved.noticed() == []
    assert moved.ledger.verify() is None


def test_a_move_that_is_under_way_is_left_alone(moved: Moved) -> None:
    moved.promote("1")
    moved.registry.point("production", "3")
    assert notice_moves(moved.registry, moved.ledger) == []


def test_what_was_there_before_the_ledger_is_found(moved: Moved, tmp_path: Path) -> None:
    moved.registry.point("production", "2")
    moved.ledger = PromotionLedger(MemoryLake(), tmp_path / "new", lambda: moved.now)
    assert moved.noticed() == [(Action.FOUND, "production", "2", "")]
    assert moved.noticed() == []


def test_everything_is_on_record_with_its_evidence(moved: Moved) -> None:
    moved.promote("1")
    with pytest.raises(PromotionRefused):
        promote(moved.registry, moved.ledger, "2", NO, actor="cli:ann")
    assert moved.registry.versions()[1].tags["refused"] == "covers (1 % of 10 %)"
    promote(moved.registry, moved.ledger, "2", NO, actor="cli:ann", force=True)
    rollback(moved.registry, moved.ledger, actor="watchdog", why="acceptance fell")
    notes = [entry.note for entry in moved.ledger.entries()[3:]]
    assert [(note.action, note.version, note.from_version, note.why) for note in notes] == [
        (Action.PROMOTED, "1", "", "it passed the gate"),
        (Action.REFUSED, "2", "1", "covers (1 % of 10 %)"),
        (Action.PROMOTED, "2", "1", "forced"),
        (Action.ROLLED_BACK, "1", "2", "acceptance fell"),
    ]
    assert '"detail":"1 % of 10 %"' in notes[1].evidence


def test_nothing_is_promoted_off_the_record_and_a_rollback_is_recorded_later(moved: Moved, tmp_path: Path) -> None:
    moved.promote("1")
    moved.promote("2")
    away = tmp_path / "lake"
    away.write_text("a file where the folder should be")
    ledger = PromotionLedger(DeltaLake(away), tmp_path / "own", lambda: moved.now)
    with pytest.raises(LedgerUnavailable):
        promote(moved.registry, ledger, "3", YES, actor="test")
    assert moved.registry.version("production") == "2"
    assert rollback(moved.registry, ledger, actor="test") == "1"
    assert moved.registry.version("production") == "1"
    away.unlink()
    notice_moves(moved.registry, ledger)
    assert Action.ROLLED_BACK in [entry.note.action for entry in ledger.entries()]


def test_a_move_that_the_registry_refuses_is_taken_back_on_record(moved: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.errors import DependencyUnavailable

    def refuse(alias: str, version: str) -> None:
        raise DependencyUnavailable("mlflow", "gone")

    moved.promote("1")
    with monkeypatch.context() as patch:
        patch.setattr(moved.registry, "point", refuse)
        with pytest.raises(DependencyUnavailable):
            moved.promote("2")
    last = moved.ledger.entries()[-1].note
    assert (last.action, last.alias, last.version, last.from_version) == (Action.NOT_DONE, "production", "1", "2")


def test_a_registry_that_cannot_be_written_delays_no_entry_and_its_tags_follow_later(
    moved: Moved, caplog: pytest.LogCaptureFixture
) -> None:
    moved.promote("1")
    moved.by_hand("production", "3")
    in_the_way = moved.folder / "registry" / "tags.json.new"
    in_the_way.mkdir()
    with caplog.at_level(logging.WARNING):
        assert moved.noticed() == [(Action.MOVED_BY_HAND, "production", "3", "1")]
    assert "tags of the registry's versions are not up to date" in caplog.text
    assert (moved.tags("1")["stage"], moved.tags("3")["stage"]) == ("Production", "None")
    in_the_way.rmdir()
    assert moved.noticed() == []
    assert (moved.tags("1")["stage"], moved.tags("3")["stage"]) == ("Archived", "Production")


def test_what_cannot_be_opened_is_tagged_once_somebody_made_it_production(moved: Moved, release: Release) -> None:
    moved.by_hand("canary", "1")
    assert moved.noticed() == [(Action.MOVED_BY_HAND, "canary", "1", "")]
    assert "broken" not in moved.tags("1")
    whole = moved.folder / "whole"
    shutil.copytree(release.folder, whole)
    good = register(moved.registry, moved.ledger, whole, actor="test")
    (whole / RANKER).write_text("another file than was registered")
    damaged = register(moved.registry, moved.ledger, whole, actor="test")
    for version in (good, damaged, "2"):
        moved.by_hand("production", version)
        assert (Action.MOVED_BY_HAND, "production", version) in [found[:3] for found in moved.noticed()]
    assert "broken" not in moved.tags(good)
    assert f"{RANKER} is not the file that was registered" in moved.tags(damaged)["broken"]
    assert "cannot be read" in moved.tags("2")["broken"]


def test_a_release_for_other_code_is_broken_until_it_can_be_opened(moved: Moved, release: Release) -> None:
    whole = moved.folder / "whole"
    shutil.copytree(release.folder, whole)
    manifest = json.loads((whole / MANIFEST).read_text())
    (whole / MANIFEST).write_text(json.dumps(manifest | {"features": None, "feature_schema": "0123"}))
    version = register(moved.registry, moved.ledger, whole, actor="test")
    moved.by_hand("production", version)
    moved.noticed()
    assert "0123" in moved.tags(version)["broken"]
    moved.by_hand("production", "1")
    moved.noticed()
    shutil.copy(release.folder / MANIFEST, moved.folder / "registry" / version / MANIFEST)  # as if the code were another
    moved.by_hand("production", version)
    moved.noticed()
    assert moved.tags(version)["broken"] == ""


def test_a_rollback_after_a_move_by_hand_goes_back_to_what_was_production_before_it(moved: Moved) -> None:
    moved.promote("1")
    moved.promote("2")  # previous is 1
    moved.registry.point("production", "3")
    moved.noticed()
    assert (moved.tags("2")["stage"], moved.tags("3")["stage"]) == ("Archived", "Production")
    assert rollback(moved.registry, moved.ledger, actor="test") == "2"
    assert (moved.tags("2")["stage"], moved.tags("3")["stage"]) == ("Production", "Archived")


def test_a_rollback_before_anybody_noticed_the_hand_goes_back_as_well(moved: Moved) -> None:
    moved.promote("1")
    moved.registry.point("production", "3")
    assert rollback(moved.registry, moved.ledger, actor="test") == "1"


def test_a_move_by_hand_to_the_version_that_production_was_leaves_previous_to_decide(moved: Moved) -> None:
    moved.promote("1")
    moved.promote("2")
    moved.registry.point("production", "1")  # a rollback by hand
    moved.noticed()
    assert rollback(moved.registry, moved.ledger, actor="test") == "2"


def test_a_version_says_who_let_it_in_when_why_and_whether_by_force(moved: Moved) -> None:
    moved.promote("1")
    with pytest.raises(PromotionRefused):
        promote(moved.registry, moved.ledger, "2", NO, actor="cli:ann")
    refused = moved.tags("2")
    assert (refused["judged_by"], refused["refused"]) == ("cli:ann", "covers (1 % of 10 %)")
    assert refused["judged_at"].endswith("+00:00")
    assert "promoted_by" not in refused
    promote(moved.registry, moved.ledger, "2", NO, actor="cli:bob", why="the spring catalogue", force=True)
    let_in = moved.tags("2")
    assert (let_in["promoted_by"], let_in["promoted_why"], let_in["forced"]) == ("cli:bob", "the spring catalogue", "true")
    assert let_in["gate"].startswith("failed: covers")
    assert (moved.tags("1")["promoted_by"], moved.tags("1")["forced"]) == ("test", "false")
