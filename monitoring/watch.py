"""Decides whether there is drift and whether to retrain. Pure; the watchdog acts on the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.errors import InvalidInput
from core.ports import DriftReport


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

    drift_share: float = 0.5  # share of watched features
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


def decide(report: DriftReport | None, acceptance: float | None, config: WatchConfig, before: Sequence[bool] = ()) -> Decision:
    """Weigh one check. `report` is None when there was too little to compare, `acceptance` when no list was shown.

    `before` says which earlier windows drifted, oldest first.
    """
    concerns = _concerns(report, acceptance, config)
    if not concerns:
        if report is None:
            return Decision(Verdict.INSUFFICIENT, ("too few events to compare",))
        return Decision(Verdict.OK, (_summary(report),), drifted=False)
    recent = [*before, True][-config.of_windows :]
    if sum(recent) < config.drifted_windows:
        count = f"drift in {sum(recent)} of the last {len(recent)} windows, {config.drifted_windows} are needed"
        return Decision(Verdict.SUSPECTED, (*concerns, count), drifted=True)
    if not config.retrain:
        return Decision(Verdict.DRIFT, (*concerns, "retraining on drift is off"), drifted=True)
    return Decision(Verdict.RETRAIN, concerns, drifted=True)


def _concerns(report: DriftReport | None, acceptance: float | None, config: WatchConfig) -> tuple[str, ...]:
    concerns = []
    if report is not None and report.drifted and report.share >= config.drift_share:
        concerns.append(_summary(report))
    if acceptance is not None and acceptance < config.min_acceptance:
        concerns.append(f"acceptance is {acceptance:.1%}, below {config.min_acceptance:.1%}")
    return tuple(concerns)


def _summary(report: DriftReport) -> str:
    drifted = sorted((name for name, yes in report.drifted.items() if yes), key=lambda name: -report.distances[name])
    named = ", ".join(f"{name} {report.distances[name]:.2f}" for name in drifted)
    return f"{len(drifted)} of {len(report.drifted)} watched features drifted" + (f": {named}" if named else "")
