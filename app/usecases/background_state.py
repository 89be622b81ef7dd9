"""How far behind the consumer is, what is learned online, and whether a release is being made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from app import wiring
from app.ops.ownership import is_attended
from app.usecases.retraining import RequestedRetraining
from core.errors import DependencyUnavailable
from core.events import INTERACTIONS
from core.ports import EventLog
from core.settings import Settings

FEATURES, LAKE, LEARNER = "features", "lake", "learner"  # the consumer's groups


def background_state(settings: Settings, log: EventLog, release: str, learned_version: int) -> dict[str, Any]:
    """As `serving.operate_models.OperatorStatus` has it. Raises DependencyUnavailable."""
    groups = _waiting(log, (FEATURES, LAKE, *((LEARNER,) if settings.learn else ())))
    learned_at = _written(wiring.learned_vectors(settings)) if learned_version else None
    return {
        "consumer": {"lag": groups[FEATURES], "groups": groups, "statistics_at": _written(wiring.published_stats(settings))},
        "learning": {"enabled": settings.learn, "release": release, "version": learned_version, "updated_at": learned_at},
        "retraining": _retraining(settings),
    }


def _retraining(settings: Settings) -> dict[str, Any]:
    state, allowed = RequestedRetraining(settings).look()
    if state.running is not None:
        word = "running"
    elif not allowed.allowed:
        word = "waiting"
    else:
        word = "ready" if is_attended(settings.home) else "unattended"
    running = None if state.running is None else state.running.model_dump(include={"trigger", "reasons", "started_at"})
    return {
        "state": word,
        "reason": allowed.reason,
        "next_at": allowed.next_at,
        "running": running,
        "outcome": state.outcome,
        "ended_at": state.ended_at,
        "failures": state.failures,
    }


def _waiting(log: EventLog, groups: Sequence[str]) -> dict[str, int | None]:
    """Events that each group has yet to apply. A log that does not answer is asked once: readiness says so."""
    found: dict[str, int | None] = dict.fromkeys(groups)
    with suppress(DependencyUnavailable):
        for group in groups:
            found[group] = log.waiting(INTERACTIONS, group)
    return found


def _written(path: Path) -> float | None:
    """Unix seconds of a file's last change; None where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None
