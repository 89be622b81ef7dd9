"""Registering, promoting and rolling back releases: the use cases behind `marquee release`, a build and a retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app import wiring
from app.usecases import noticing, run_evidence
from app.usecases.rolling_out import rollouts
from core.bundle import Manifest, read_manifest
from core.errors import NotFound
from core.ports import Echo
from core.settings import Settings

if TYPE_CHECKING:
    from lifecycle.gates import GateResult


def register(
    settings: Settings,
    folder: Path,
    echo: Echo,
    why: Mapping[str, object] | None = None,
    evidence: Sequence[Path] = (),
    actor: str = "",
) -> str:
    """Log the run to MLflow and register its bundle as the candidate; returns the version.

    `why` and `evidence` are parameters and files of the run. `actor` is the person at the command line if left out.
    """
    from lifecycle.promotion import register as enter

    manifest = read_manifest(folder)
    run_evidence.log_run(settings, folder, manifest, why or {}, evidence)
    registry, ledger = wiring.registry(settings), wiring.ledger(settings)
    noticing.notice(registry, ledger)
    version = enter(registry, ledger, folder, actor=actor or wiring.person(), why="; ".join(map(str, (why or {}).values())))
    echo(f"registered release {manifest.release} as version {version}")
    return version


def promote(
    settings: Settings,
    version: str,
    force: bool,
    dry_run: bool,
    echo: Echo,
    why: str = "",
    actor: str = "",
) -> tuple[Manifest, GateResult]:
    """Judge a version against production and, unless this is a dry run, make it production.

    Returns the release and the verdict. Raises when the gate says no, unless it is forced.
    """
    from lifecycle.counterfactual import counterfactual_of
    from lifecycle.gates import GateConfig, check_gate
    from lifecycle.promotion import promote as move

    registry = wiring.registry(settings)
    folder = registry.fetch(version)
    candidate = read_manifest(folder)
    try:
        production = read_manifest(registry.fetch("production"))
    except NotFound:
        production = None
    asked = counterfactual_of(registry.tags(registry.version(version)))
    verdict = check_gate(candidate, production, GateConfig(), asked)
    for line in verdict.lines():
        echo(line)
    if dry_run:
        return candidate, verdict
    run_evidence.log_verdict(settings, folder, candidate, verdict, production)
    ledger = wiring.ledger(settings)
    noticing.notice(registry, ledger)
    actor = actor or wiring.person()
    move(registry, ledger, version, verdict, actor=actor, why=why, force=force)
    if production is not None and production.release != candidate.release:
        rollouts(settings).on_trial(registry.version(version), actor=actor, why=why)
    echo(f"release {candidate.release} is production")
    return candidate, verdict


def let_in(
    settings: Settings, version: str, dry_run: bool, echo: Echo, why: str = "", actor: str = "", force: bool = False
) -> str:
    """Judge a version and, if the gate says yes, begin its way in; returns what became of it.

    Without a production release, or with no steps in the settings, it is production at once. `force`: whatever the gate says.
    Raises PromotionRefused, RolloutUnderWay, LedgerUnavailable.
    """
    from lifecycle.counterfactual import counterfactual_of
    from lifecycle.gates import GateConfig, check_gate
    from lifecycle.ledger_entries import canonical
    from lifecycle.promotion import evidence_of, judged, version_or_none

    registry, ledger, actor = wiring.registry(settings), wiring.ledger(settings), actor or wiring.person()
    current = version_or_none(registry, "production")
    if current in (None, registry.version(version)) or not settings.canary_steps:
        promote(settings, version, force, dry_run, echo, why, actor)
        return f"version {version} is production"
    folder = registry.fetch(version)
    candidate, production = read_manifest(folder), read_manifest(registry.fetch("production"))
    asked = counterfactual_of(registry.tags(registry.version(version)))
    verdict = check_gate(candidate, production, GateConfig(), asked)
    for line in verdict.lines():
        echo(line)
    if dry_run:
        return "nothing was done"
    run_evidence.log_verdict(settings, folder, candidate, verdict, production)
    noticing.notice(registry, ledger)
    version = judged(registry, ledger, version, verdict, actor=actor, force=force)
    evidence = canonical(evidence_of(verdict) | {"forced": force})
    state = rollouts(settings).begin(version, actor=actor, why=why, evidence=evidence)
    passed = "passed the gate" if verdict.passed else "did not pass the gate, was let in by force"
    said = f"version {version}, release {candidate.release}, {passed} and is in {state.stage}"
    echo(said)
    return said


def rollback(settings: Settings, dry_run: bool, echo: Echo, why: str = "", actor: str = "") -> tuple[str, str]:
    """Make the previous release production again; returns its version and name. Raises NotFound when there is none."""
    from lifecycle.promotion import release_of, rollback_target
    from lifecycle.promotion import rollback as move

    registry, ledger = wiring.registry(settings), wiring.ledger(settings)
    target = rollback_target(registry, ledger)
    release = release_of(registry, target)
    if dry_run:
        echo(f"version {target}, release {release}, would be production again")
        return target, release
    noticing.notice(registry, ledger)
    move(registry, ledger, actor=actor or wiring.person(), why=why)
    echo(f"version {target}, release {release}, is production again")
    return target, release
