"""Moves the `production` alias, on the record: promotion through the gate, and rollback."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from core.bundle import read_manifest
from core.errors import BundleCorrupt, DependencyUnavailable, MarqueeError, NotFound
from core.ports import ModelRegistry
from lifecycle.gates import GateResult
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import CANDIDATE, PREVIOUS, PRODUCTION, Action, Note, canonical, meant

MAX_TAG = 5000  # characters, the most that every MLflow takes
REFUSED = "refused"  # a version's tag: the checks of the gate that it failed; empty once it was promoted all the same
JUDGED = ("judged_by", "judged_at")  # tags: who asked the gate last, and when
PROMOTED = (
    "promoted_by",
    "promoted_at",
    "promoted_why",
    "forced",
)  # tags: who made it production last, when, why, with --force or not
GATE = "gate"  # a version's tag: "passed", or "failed" and the checks that it failed, when it was last judged
_log = logging.getLogger(__name__)


class PromotionRefused(MarqueeError):
    """The release did not pass the gate. `failed` names the checks."""

    status = 409
    slug = "promotion-refused"
    title = "The release did not pass the gate"

    def __init__(self, version: str, verdict: GateResult) -> None:
        super().__init__(
            f"version {version} stays out of production: it failed {failed_checks(verdict)}; promote it anyway with --force",
            version=version,
            failed=[check.name for check in verdict.failed],
        )


def register(registry: ModelRegistry, ledger: PromotionLedger, bundle: Path, *, actor: str, why: str = "") -> str:
    """Register a bundle and make it the `candidate`; returns its version. What registering it raises.

    It is on record later if the ledger is unavailable: a registration lets nobody see anything.
    """
    version = registry.register(bundle)
    before = version_or_none(registry, CANDIDATE) or ""
    registry.point(CANDIDATE, version)
    ledger.append_or_keep(
        Note(
            Action.REGISTERED,
            actor,
            version,
            ledger.clock(),
            release_of(registry, version),
            CANDIDATE,
            before,
            why,
        )
    )
    return version


def promote(
    registry: ModelRegistry,
    ledger: PromotionLedger,
    version: str,
    verdict: GateResult,
    *,
    actor: str,
    why: str = "",
    force: bool = False,
) -> None:
    """Make a version production; what was production becomes `previous`. Promoting it twice moves nothing.

    It is on record before it happens. Raises PromotionRefused when the gate failed and `force` is not set, NotFound for an
    unknown version, and LedgerUnavailable when it cannot be put on record; then nothing has changed.
    """
    if not force:
        judged(registry, ledger, version, verdict, actor=actor)
    version = registry.version(version)
    evidence = canonical(evidence_of(verdict) | {"forced": force})
    if version_or_none(registry, PRODUCTION) != version:
        why = why or ("forced" if not verdict.passed else "it passed the gate")
        take_over(registry, ledger, version, actor=actor, why=why, evidence=evidence)
    _tag_verdict(registry, ledger, version, verdict, actor, refused=False)


def judged(
    registry: ModelRegistry, ledger: PromotionLedger, version: str, verdict: GateResult, *, actor: str, force: bool = False
) -> str:
    """Put the gate's verdict on a version on record without moving anything; returns the version.

    Raises PromotionRefused when it failed and `force` is not set, NotFound for an unknown version.
    """
    version = registry.version(version)
    refused = not verdict.passed and not force
    if refused:
        why, evidence = failed_checks(verdict), canonical(evidence_of(verdict))
        current, release = version_or_none(registry, PRODUCTION) or "", release_of(registry, version)
        ledger.append_or_keep(Note(Action.REFUSED, actor, version, ledger.clock(), release, "", current, why, evidence))
    _tag_verdict(registry, ledger, version, verdict, actor, refused=refused)
    if refused:
        raise PromotionRefused(version, verdict)
    return version


def take_over(
    registry: ModelRegistry, ledger: PromotionLedger, version: str, *, actor: str, why: str, evidence: str = "{}"
) -> None:
    """Make a version production, and what was production `previous`, whatever the gate said.

    It is on record before it happens. Raises LedgerUnavailable when it cannot be put on record; then nothing has changed.
    """
    current, release = version_or_none(registry, PRODUCTION), release_of(registry, version)
    ledger.append(Note(Action.PROMOTED, actor, version, ledger.clock(), release, PRODUCTION, current or "", why, evidence))
    try:
        if current is not None:
            # first: a crash in between leaves production as it was, and `previous` equal to it
            registry.point(PREVIOUS, current)
        registry.point(PRODUCTION, version)
    except MarqueeError as error:
        ledger.append_or_keep(Note(Action.NOT_DONE, actor, current or "", ledger.clock(), "", PRODUCTION, version, error.detail))
        raise
    forced = str(bool(json.loads(evidence).get("forced"))).lower()
    _tag(registry, version, dict(zip(PROMOTED, (actor, _utc(ledger.clock()), why, forced), strict=True)))


def rollback(registry: ModelRegistry, ledger: PromotionLedger, *, actor: str, why: str = "") -> str:
    """Make `previous` production again; returns its version. Raises NotFound when there is nothing to go back to.

    `previous` stays where it is: a second rollback must not return to the release that was just left. It happens also while
    the ledger is unavailable, with a warning, and is on record when that is back.
    """
    current, previous = version_or_none(registry, PRODUCTION), rollback_target(registry, ledger)
    release, evidence = release_of(registry, previous), canonical({"left": release_of(registry, current)})
    ledger.append_or_keep(
        Note(Action.ROLLED_BACK, actor, previous, ledger.clock(), release, PRODUCTION, current or "", why, evidence)
    )
    try:
        registry.point(PRODUCTION, previous)
    except MarqueeError as error:
        ledger.append_or_keep(Note(Action.NOT_DONE, actor, current or "", ledger.clock(), "", PRODUCTION, previous, error.detail))
        raise
    return previous


def rollback_target(registry: ModelRegistry, ledger: PromotionLedger) -> str:
    """The version that a rollback would make production. Raises NotFound when there is none.

    It is `previous`, unless somebody moved `production` by hand: that moved no `previous`, and what is left is the version that
    the ledger says was production before.
    """
    production, previous = version_or_none(registry, PRODUCTION), version_or_none(registry, PREVIOUS)
    by_hand = _before_the_hand(registry, ledger, production)
    if by_hand is not None:
        return by_hand
    if previous is None or previous == production:
        raise NotFound("there is no earlier release to go back to; choose one with `marquee release promote VERSION`")
    return previous


def _before_the_hand(registry: ModelRegistry, ledger: PromotionLedger, production: str | None) -> str | None:
    """What was production before it was moved by hand; None if it was not, or if that version is gone."""
    try:
        last = meant(ledger.entries()).get(PRODUCTION)
    except DependencyUnavailable:  # a rollback must not wait for the lake
        return None
    if last is None or production is None:
        return None
    said = last.note.version
    left = last.note.from_version if (last.note.action is Action.MOVED_BY_HAND and said == production) else said
    there = {one.version for one in registry.versions()}
    return left if left in there and left != production else None


def evidence_of(verdict: GateResult) -> dict[str, object]:
    """The gate's checks, as the ledger keeps them."""
    checks = [{"name": check.name, "passed": check.passed, "detail": check.detail} for check in verdict.checks]
    return {"checks": checks, "passed": verdict.passed}


def failed_checks(verdict: GateResult) -> str:
    """The checks that failed, for people."""
    return "; ".join(f"{check.name} ({check.detail})" for check in verdict.failed)


def _tag_verdict(
    registry: ModelRegistry, ledger: PromotionLedger, version: str, verdict: GateResult, actor: str, *, refused: bool
) -> None:
    """Say in the registry what the gate said, and who asked it when."""
    failed = failed_checks(verdict)
    said = {GATE: "passed" if verdict.passed else f"failed: {failed}", REFUSED: failed if refused else ""}
    _tag(registry, version, said | dict(zip(JUDGED, (actor, _utc(ledger.clock())), strict=True)))


def _tag(registry: ModelRegistry, version: str, tags: Mapping[str, str]) -> None:
    """What they tell is done and on record: a registry that takes no tags costs a warning."""
    try:
        there = next((one.tags for one in registry.versions() if one.version == version), {})
        for name, value in tags.items():
            if value[:MAX_TAG] != there.get(name, ""):
                registry.tag(version, name, value[:MAX_TAG])
    except (DependencyUnavailable, NotFound) as error:  # not found: deleted meanwhile
        _log.warning("the tags of version %s are not up to date: %s", version, error.detail)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def version_or_none(registry: ModelRegistry, alias: str) -> str | None:
    """The version that an alias means, None for an alias that means nothing. Raises DependencyUnavailable."""
    try:
        return registry.version(alias)
    except NotFound:
        return None


def release_of(registry: ModelRegistry, version: str | None) -> str:
    """A version's release; empty where its bundle cannot be read, which stops neither a record nor a rollback."""
    if not version:
        return ""
    try:
        return read_manifest(registry.fetch(version)).release
    except (NotFound, BundleCorrupt, DependencyUnavailable):
        return ""
