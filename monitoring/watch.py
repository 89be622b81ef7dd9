"""Decides whether there is drift and whether to retrain. Pure; the watchdog acts on the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.errors import InvalidInput
from core.ports import DriftReport
from monitoring.significance import Changes

NO_USERS = "by distance alone: the release is of before reference samples had users"


class Verdict(StrEnum):
    """What a check concluded."""

    OK = "ok"
    SUSPECTED = "suspected"  # seen, but in too few of the last windows
    DRIFT = "drift"  # seen; retraining on drift is off
    RETRAIN = "retrain"  # seen; one is asked for, whose own rules decide (lifecycle.retraining)
    INSUFFICIENT = "insufficient"  # too little traffic to tell


@dataclass(frozen=True)
class WatchConfig:
    """What counts as drift, and whether to retrain on it."""

    drift_share: float = 0.5  # share of watched features, for a release whose reference sample has no users
    min_acceptance: float = 0.0  # share of lists; 0 leaves acceptance out of the decision
    retrain: bool = False
    drifted_windows: int = 2  # that must have drifted, this one included, of the last `of_windows`
    of_windows: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.drifted_windows <= self.of_windows:
            raise InvalidInput("drifted_windows", self.drifted_windows, f"1 to of_windows ({self.of_windows})")


@dataclass(frozen=True)
class Decision:
    """A verdict and readable reasons for it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    drifted: bool | None = None  # whether this window alone drifted; None: it cannot be told


def decide(
    report: DriftReport | None,
    acceptance: float | None,
    config: WatchConfig,
    before: Sequence[bool] = (),
    changes: Changes | None = None,
) -> Decision:
    """Weigh one check. `report` is None when there was too little to compare, `acceptance` when no list was shown.

    `before` says which earlier windows drifted, oldest first. `changes` decides about the features; None when it cannot,
    then the distances in `report` do.
    """
    seen = _by_distance(report, config) if changes is None else _by_user(changes)
    concerns = seen.reasons if seen.drifted else ()
    if acceptance is not None and acceptance < config.min_acceptance:
        concerns = (*concerns, f"acceptance is {acceptance:.1%}, below {config.min_acceptance:.1%}")
    if not concerns:
        return Decision(Verdict.INSUFFICIENT if seen.drifted is None else Verdict.OK, seen.reasons, seen.drifted)
    recent = [*before, True][-config.of_windows :]
    if sum(recent) < config.drifted_windows:
        count = f"drift in {sum(recent)} of the last {len(recent)} windows, {config.drifted_windows} are needed"
        return Decision(Verdict.SUSPECTED, (*concerns, count), drifted=True)
    if not config.retrain:
        return Decision(Verdict.DRIFT, (*concerns, "retraining on drift is off"), drifted=True)
    return Decision(Verdict.RETRAIN, concerns, drifted=True)


class _Seen(NamedTuple):
    """What the watched features say."""

    drifted: bool | None  # None: it cannot be told
    reasons: tuple[str, ...]


def _by_user(changes: Changes) -> _Seen:
    """Drifted when a feature changed. Whatever cannot be told is among the reasons."""
    untold = tuple(f"cannot be told: {why}" for why in changes.untold.values())
    if not changes.found:
        return _Seen(None, untold or ("nothing to compare",))
    changed = sorted((name for name, change in changes.found.items() if change.changed), key=lambda n: -changes.found[n].effect)
    named = ", ".join(f"{n} (p {changes.found[n].p_value:.1g}, effect {changes.found[n].effect:.2f})" for n in changed)
    return _Seen(bool(changed), (_summary(len(changed), len(changes.found), named), *untold))


def _by_distance(report: DriftReport | None, config: WatchConfig) -> _Seen:
    """Drifted when enough features lie far from the reference."""
    if report is None:
        return _Seen(None, ("too few events to compare",))
    far = sorted((name for name, yes in report.drifted.items() if yes), key=lambda name: -report.distances[name])
    named = ", ".join(f"{name} {report.distances[name]:.2f}" for name in far)
    drifted = bool(report.drifted) and report.share >= config.drift_share
    return _Seen(drifted, (_summary(len(far), len(report.drifted), named),))


def _summary(drifted: int, watched: int, named: str) -> str:
    return f"{drifted} of {watched} watched features drifted" + (f": {named}" if named else "")
