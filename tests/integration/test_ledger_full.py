"""A disk that is really full under the promotion ledger: nothing is half written, what happened anyway waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from full_disk import fill

from lake.adapters.delta import DeltaLake
from lifecycle.ledger import LedgerUnavailable, PromotionLedger
from lifecycle.ledger_entries import Action, Note


def note(version: str, action: Action = Action.PROMOTED) -> Note:
    return Note(action, "cli:ann", version, 1.7e9 + float(version), f"r{version}", "production")


def test_a_full_disk_under_the_ledger(small_disk: Path, tmp_path: Path) -> None:
    ledger = PromotionLedger(DeltaLake(small_disk / "lake"), tmp_path / "ledger")
    ledger.append(note("1"))
    filler = fill(small_disk)
    with pytest.raises(LedgerUnavailable, match="promotion ledger is unavailable"):
        ledger.append(note("2"))
    ledger.append_or_keep(note("3", Action.ROLLED_BACK))
    assert [entry.note for entry in ledger.entries()] == [note("1")]
    assert ledger.verify() is None
    filler.unlink()
    ledger.append(note("4"))
    assert [entry.note for entry in ledger.entries()] == [note("1"), note("3", Action.ROLLED_BACK), note("4")]
    assert ledger.verify() is None


def test_where_nothing_can_be_kept_it_is_said(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = PromotionLedger(DeltaLake(small_disk / "lake"), small_disk / "ledger")
    ledger.append(note("1"))
    fill(small_disk)
    ledger.append_or_keep(note("2", Action.ROLLED_BACK))
    assert "not on record" in caplog.text
    assert ledger.verify() is None
