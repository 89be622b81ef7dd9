"""Compares the registry's aliases with the ledger: before each change of Marquee's own, and all the time beside the watchdog."""

from __future__ import annotations

import logging

from core.errors import DependencyUnavailable
from core.ports import ModelRegistry
from lifecycle.hand_moves import notice_moves
from lifecycle.ledger import PromotionLedger

_log = logging.getLogger(__name__)


def notice(registry: ModelRegistry, ledger: PromotionLedger) -> None:
    """Put on record what was moved by hand. A registry or a ledger that is unavailable costs a warning."""
    try:
        for entry in notice_moves(registry, ledger):
            _log.warning("entry %d of the promotion ledger: %s: %s", entry.number, entry.note.action, entry.note.why)
    except DependencyUnavailable as error:
        _log.warning("aliases are not compared with the promotion ledger: %s", error.detail)
