"""Counts the decisions on releases for Prometheus. The ledger is read for it, so whichever process decided is counted."""

from __future__ import annotations

from core.telemetry import DECISIONS
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import CANARY, Action, Note

_OF_ACTION = {
    Action.PROMOTED: "promote",
    Action.REFUSED: "refuse",
    Action.ROLLED_BACK: "rollback",
    Action.STOPPED: "rollback",
}


class CountedDecisions:
    """Counts what was decided since it was first asked. Restarting begins at 0, as Prometheus' counters do."""

    def __init__(self, ledger: PromotionLedger) -> None:
        self._ledger = ledger
        self._counted: int | None = None  # number of the last entry that was looked at

    def look(self) -> None:
        """Count the entries that are new. Raises LedgerUnavailable."""
        entries = self._ledger.entries()
        if self._counted is not None:
            for entry in entries[self._counted :]:
                if (decision := _decision(entry.note)) is not None:
                    DECISIONS.labels(decision).inc()
        self._counted = len(entries)


def _decision(note: Note) -> str | None:
    """As which decision a note counts. A canary counts when it begins and at each further step, not when it is over."""
    if note.action is Action.POINTED:
        return "canary" if note.alias == CANARY and note.version else None
    return _OF_ACTION.get(note.action)
