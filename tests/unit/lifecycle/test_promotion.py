"""Promotion moves two aliases, in an order that a crash cannot break; rollback moves one."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.bundle import MANIFEST
from core.errors import NotFound
from lake.adapters.memory import MemoryLake
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.gates import GateCheck, GateResult
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import Action
from lifecycle.promotion import PREVIOUS, PRODUCTION, PromotionRefused, promote, rollback

YES = GateResult((GateCheck("fine", True, "as it should be"),))
NO = GateResult(
    (GateCheck("fine", True, "as it should be"), GateCheck("covers", False, "1 % of 10 %"), GateCheck("beats", False, "worse"))
)


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """With versions 1, 2 and 3 and no alias."""
    registry = FolderRegistry(tmp_path / "registry")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / MANIFEST).write_text("{}")
    for _ in range(3):
        registry.register(bundle)
    return registry


@pytest.fixture
def ledger(tmp_path: Path) -> PromotionLedger:
    return PromotionLedger(MemoryLake(), tmp_path / "ledger")


def tags(registry: FolderRegistry, version: str) -> tuple[str | None, str | None]:
    found = next(one.tags for one in registry.versions() if one.version == version)
    return found.get("gate"), found.get("refused")


def aliases(registry: FolderRegistry) -> tuple[str, str | None]:
    try:
        return registry.version(PRODUCTION), registry.version(PREVIOUS)
    except NotFound:
        return registry.version(PRODUCTION), None


def test_the_first_release_has_no_previous(registry: FolderRegistry, ledger: PromotionLedger) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    assert aliases(registry) == ("1", None)
    with pytest.raises(NotFound, match="no earlier release"):
        rollback(registry, ledger, actor="test")


def test_what_was_production_becomes_previous(registry: FolderRegistry, ledger: PromotionLedger) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    promote(registry, ledger, "2", YES, actor="test")
    assert aliases(registry) == ("2", "1")


def test_promoting_production_again_keeps_previous(registry: FolderRegistry, ledger: PromotionLedger) -> None:
    for version in ("1", "2", "2", PRODUCTION):
        promote(registry, ledger, version, YES, actor="test")
    assert aliases(registry) == ("2", "1")


def test_a_failed_verdict_is_refused_with_the_failed_checks_and_changes_nothing(
    registry: FolderRegistry, ledger: PromotionLedger
) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    with pytest.raises(PromotionRefused, match=r"covers \(1 % of 10 %\); beats \(worse\)") as caught:
        promote(registry, ledger, "2", NO, actor="test")
    assert caught.value.extensions == {"version": "2", "failed": ["covers", "beats"]}
    assert aliases(registry) == ("1", None)


def test_force_promotes_anyway(registry: FolderRegistry, ledger: PromotionLedger) -> None:
    promote(registry, ledger, "2", NO, force=True, actor="test")
    assert aliases(registry) == ("2", None)


def test_an_unknown_version_is_not_found(registry: FolderRegistry, ledger: PromotionLedger) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    with pytest.raises(NotFound, match="versions are"):
        promote(registry, ledger, "9", YES, actor="test")
    assert aliases(registry) == ("1", None)


def test_rollback_returns_to_previous_and_not_to_the_release_it_left(registry: FolderRegistry, ledger: PromotionLedger) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    promote(registry, ledger, "2", YES, actor="test")
    assert rollback(registry, ledger, actor="test") == "1"
    assert aliases(registry) == ("1", "1")
    with pytest.raises(NotFound):
        rollback(registry, ledger, actor="test")
    promote(registry, ledger, "3", YES, actor="test")
    assert aliases(registry) == ("3", "1")


def test_a_crash_between_the_two_moves_leaves_production_alone(
    registry: FolderRegistry, ledger: PromotionLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    point = registry.point

    def crash_at_production(alias: str, version: str) -> None:
        if alias == PRODUCTION:
            raise KeyboardInterrupt
        point(alias, version)

    with monkeypatch.context() as patch:
        patch.setattr(registry, "point", crash_at_production)
        with pytest.raises(KeyboardInterrupt):
            promote(registry, ledger, "2", YES, actor="test")
    assert aliases(registry) == ("1", "1")
    promote(registry, ledger, "2", YES, actor="test")
    assert aliases(registry) == ("2", "1")


def test_the_verdict_is_a_tag_and_a_later_promotion_takes_the_refusal_back(
    registry: FolderRegistry, ledger: PromotionLedger
) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    assert tags(registry, "1") == ("passed", None)
    with pytest.raises(PromotionRefused):
        promote(registry, ledger, "2", NO, actor="test")
    assert tags(registry, "2") == ("failed: covers (1 % of 10 %); beats (worse)", "covers (1 % of 10 %); beats (worse)")
    promote(registry, ledger, "2", NO, force=True, actor="test")
    assert tags(registry, "2") == ("failed: covers (1 % of 10 %); beats (worse)", "")
    promote(registry, ledger, "2", YES, actor="test")
    assert tags(registry, "2") == ("passed", "")
    assert tags(registry, "3") == (None, None)


def test_a_long_verdict_is_cut(registry: FolderRegistry, ledger: PromotionLedger) -> None:
    with pytest.raises(PromotionRefused):
        promote(registry, ledger, "1", GateResult((GateCheck("covers", False, "x" * 9000),)), actor="test")
    gate, refused = map(str, tags(registry, "1"))
    assert gate.startswith("failed: covers (xxx")
    assert [len(gate), len(refused)] == [5000, 5000]


def test_a_refusal_is_one_also_where_the_registry_takes_no_tags(
    registry: FolderRegistry, ledger: PromotionLedger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    promote(registry, ledger, "1", YES, actor="test")
    (tmp_path / "registry" / "tags.json.new").mkdir()
    with pytest.raises(PromotionRefused):
        promote(registry, ledger, "2", NO, actor="test")
    assert "the tags of version 2 are not up to date" in caplog.text
    assert ledger.entries()[-1].note.action is Action.REFUSED
