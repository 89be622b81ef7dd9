"""Decisions are counted from the ledger, whoever made them, each once."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import REGISTRY

from lake.adapters.memory import MemoryLake
from lifecycle.counted import CountedDecisions
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import Action, Note


def note(action: Action, alias: str = "production", version: str = "1") -> Note:
    return Note(action, "cli:ann", version, 1.7e9, alias=alias)


def counts() -> dict[str, float]:
    names = ("retrain", "promote", "refuse", "canary", "rollback")
    return {one: REGISTRY.get_sample_value("marquee_decisions_total", {"decision": one}) or 0.0 for one in names}


def test_what_was_decided_since_the_first_look_counts_once(tmp_path: Path) -> None:
    ledger = PromotionLedger(MemoryLake(), tmp_path)
    ledger.append(note(Action.PROMOTED))
    counted = CountedDecisions(ledger)
    counted.look()
    before = counts()
    ledger.append(note(Action.REFUSED), note(Action.POINTED, "canary"), note(Action.POINTED, "canary", version=""))
    ledger.append(note(Action.STOPPED), note(Action.REGISTERED, "candidate"), note(Action.ROLLED_BACK))
    counted.look()
    counted.look()
    assert {name: now - before[name] for name, now in counts().items()} == {
        "retrain": 0, "promote": 0, "refuse": 1, "canary": 1, "rollback": 2,
    }  # fmt: skip
