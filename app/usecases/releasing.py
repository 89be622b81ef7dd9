"""Registering, promoting and rolling back releases: the use cases behind `marquee release`, a build and a retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from app import wiring
from app.usecases import noticing, run_evidence
from core.bundle import read_manifest
from core.errors import NotFound
from core.ports import Echo
from core.settings import Settings


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
    must_compare: bool = False,
) -> None:
    """Judge a version against production and, unless this is a dry run, make it production. Raises when the gate says no.

    `must_compare`: what could not be compared with production stays out, because no person has decided.
    """
    from lifecycle.gates import GateConfig, check_gate
    from lifecycle.promotion import promote as move

    registry = wiring.registry(settings)
    folder = registry.fetch(version)
    candidate = read_manifest(folder)
    try:
        production = read_manifest(registry.fetch("production"))
    except NotFound:
        production = None
    verdict = check_gate(candidate, production, GateConfig(must_compare=must_compare))
    for line in verdict.lines():
        echo(line)
    if dry_run:
        return
    run_evidence.log_verdict(settings, folder, candidate, verdict, production)
    ledger = wiring.ledger(settings)
    noticing.notice(registry, ledger)
    move(registry, ledger, version, verdict, actor=actor or wiring.person(), why=why, force=force)
    echo(f"release {candidate.release} is production")


def rollback(settings: Settings, dry_run: bool, echo: Echo, why: str = "") -> None:
    """Make the previous release production again. Raises NotFound when there is none."""
    from lifecycle.promotion import release_of, rollback_target
    from lifecycle.promotion import rollback as move

    registry, ledger = wiring.registry(settings), wiring.ledger(settings)
    target = rollback_target(registry)
    if dry_run:
        echo(f"version {target}, release {release_of(registry, target)}, would be production again")
        return
    noticing.notice(registry, ledger)
    move(registry, ledger, actor=wiring.person(), why=why)
    echo(f"version {target}, release {release_of(registry, target)}, is production again")
