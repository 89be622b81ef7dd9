"""Health, releases, experiments, retraining: what operators do. The ones under `/admin` need the scope `admin`."""

from __future__ import annotations

import httpx

from marquee_client.answers import (
    AcceptanceByDay,
    Decisions,
    ExperimentChanged,
    ExperimentStates,
    Live,
    OperatorStatus,
    Promoted,
    Provenance,
    Ready,
    Releases,
    RetrainingAsked,
    RolledBack,
    Version,
)
from marquee_client.calls import Call, only, part


def live() -> Call[Live]:
    """That the process answers."""
    return Call("live", "GET", "/health/live")


def ready() -> Call[Ready]:
    """Per dependency: up, degraded or down. No error where nothing can be served: `status` says so."""
    return Call("ready", "GET", "/health/ready", answers=frozenset({200, 503}))


def metrics() -> Call[str]:
    """What Prometheus reads."""
    return Call("metrics", "GET", "/metrics", read=_text)


def version() -> Call[Version]:
    """Release, policy, data version and code version."""
    return Call("version", "GET", "/version")


def retrain(*, reason: str | None = None) -> Call[RetrainingAsked]:
    """Ask for a retraining now."""
    return Call("retrain", "POST", "/admin/retrain", body=only(reason=reason), repeatable=False)


def decisions(*, limit: int | None = None) -> Call[Decisions]:
    """The watchdog's latest decisions, oldest first."""
    return Call("decisions", "GET", "/admin/decisions", {"limit": limit})


def experiments() -> Call[ExperimentStates]:
    """A/B experiments, by name."""
    return Call("experiments", "GET", "/admin/experiments")


def start_experiment(name: str, *, why: str | None = None, dry_run: bool | None = None) -> Call[ExperimentChanged]:
    """Start an A/B experiment; with `dry_run` only check whether it could be done."""
    query = {"why": why, "dry_run": dry_run}
    return Call("start_experiment", "POST", f"/admin/experiments/{part(name)}/start", query, repeatable=False)


def stop_experiment(name: str, *, why: str | None = None, dry_run: bool | None = None) -> Call[ExperimentChanged]:
    """Stop an A/B experiment; with `dry_run` only check whether it could be done."""
    query = {"why": why, "dry_run": dry_run}
    return Call("stop_experiment", "POST", f"/admin/experiments/{part(name)}/stop", query, repeatable=False)


def provenance(request_id: str) -> Call[Provenance]:
    """Where a list of the past came from."""
    return Call("provenance", "GET", f"/provenance/{part(request_id)}")


def releases(*, limit: int | None = None) -> Call[Releases]:
    """Releases, and the latest moves of the promotion ledger."""
    return Call("releases", "GET", "/admin/releases", {"limit": limit})


def promote(version: str, *, why: str | None = None, dry_run: bool | None = None) -> Call[Promoted]:
    """Make a release production if the gate lets it; with `dry_run` only judge it."""
    path, body = f"/admin/releases/{part(version)}/promote", only(why=why)
    return Call("promote", "POST", path, {"dry_run": dry_run}, body=body, repeatable=False)


def rollback(*, why: str | None = None, dry_run: bool | None = None) -> Call[RolledBack]:
    """Make the previous release production again; with `dry_run` only name it."""
    return Call("rollback", "POST", "/admin/releases/rollback", {"dry_run": dry_run}, body=only(why=why), repeatable=False)


def acceptance(*, days: int | None = None) -> Call[AcceptanceByDay]:
    """Acceptance of lists, day by day."""
    return Call("acceptance", "GET", "/admin/acceptance", {"days": days})


def status() -> Call[OperatorStatus]:
    """Consumer, online learning and retraining."""
    return Call("status", "GET", "/admin/status")


def _text(response: httpx.Response) -> str:
    return response.text
