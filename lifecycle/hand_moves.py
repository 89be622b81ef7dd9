"""Puts aliases that were moved in MLflow's own pages, or by other tools, on record."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from core.errors import BundleCorrupt, DependencyUnavailable, NotFound, SchemaMismatch
from core.ports import ModelRegistry
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import CANARY, PREVIOUS, PRODUCTION, STAGING, Action, LedgerEntry, Note, meant
from lifecycle.promotion import MAX_TAG, release_of, version_or_none

WATCHED = (STAGING, CANARY, PRODUCTION, PREVIOUS)
GRACE = 60.0  # seconds after an entry about an alias in which the move may be under way: it is on record before it happens
BY_HAND = "by hand"
BROKEN = "broken"  # a version's tag: why it cannot be served although somebody made it production
_log = logging.getLogger(__name__)


def notice_moves(registry: ModelRegistry, ledger: PromotionLedger) -> list[LedgerEntry]:
    """Append an entry for each alias that means something else than the ledger's last word on it; returns them.

    Writes the notes first that waited for the ledger. What was there when the ledger began is `found`. Several processes may
    call it: one of them writes. Afterwards the registry's tags are brought up to date; one that can only be read costs a
    warning. Raises DependencyUnavailable when it cannot be read, and LedgerUnavailable.
    """
    ledger.write_kept()
    now = {alias: version_or_none(registry, alias) or "" for alias in WATCHED}
    noticed: list[LedgerEntry] = []
    if _moved(now, ledger.entries(), ledger.clock()):
        releases = {version: release_of(registry, version) for version in now.values()}
        noticed = ledger.extend(
            lambda entries: [
                _note(alias, now[alias], releases[now[alias]], last, ledger.clock(), first=not entries)
                for alias, last in _moved(now, entries, ledger.clock()).items()
            ]
        )
    _update_tags(registry, [entry.note.version for entry in noticed if entry.note.alias == PRODUCTION and entry.note.version])
    return noticed


def _update_tags(registry: ModelRegistry, made_production: Sequence[str]) -> None:
    """The tag `stage` of every version, at each call: it may have failed before. And `broken` of those that are new."""
    try:
        registry.mirror_stages()
        for version in made_production:
            before = next((one.tags.get(BROKEN, "") for one in registry.versions() if one.version == version), "")
            why = _why_broken(registry, version)[:MAX_TAG]
            if why != before:
                registry.tag(version, BROKEN, why)
    except (DependencyUnavailable, NotFound) as error:  # not found: deleted meanwhile
        _log.warning("the tags of the registry's versions are not up to date: %s", error.detail)


def _why_broken(registry: ModelRegistry, version: str) -> str:
    """Why a version cannot be opened; empty if it can. Raises NotFound, DependencyUnavailable."""
    from recommender.release import open_release  # LightGBM and ONNX Runtime come with it: only such a move pays for them

    try:
        open_release(registry.fetch(version))
    except (BundleCorrupt, SchemaMismatch) as error:
        return error.detail
    return ""


def _moved(now: Mapping[str, str], entries: Sequence[LedgerEntry], clock: float) -> dict[str, LedgerEntry | None]:
    """The aliases that mean something else than the last entry about them says, each with that entry."""
    said = meant(entries)
    found: dict[str, LedgerEntry | None] = {}
    for alias, version in now.items():
        last = said.get(alias)
        recent = last is not None and abs(clock - last.note.at) < GRACE
        if version != (last.note.aliases[alias] if last else "") and not recent:
            found[alias] = last
    return found


def _note(alias: str, version: str, release: str, last: LedgerEntry | None, at: float, *, first: bool) -> Note:
    if first:
        return Note(Action.FOUND, BY_HAND, version, at, release, alias, "", "the alias was there when the ledger began")
    before = last.note.aliases[alias] if last else ""
    said = f"entry {last.number} says {before or 'none'}" if last else "no entry names it"
    why = f"{alias} means {version or 'nothing'}, and {said}: it was moved by hand, or a move on record was not finished"
    return Note(Action.MOVED_BY_HAND, BY_HAND, version, at, release, alias, before, why)
