"""What one check found, as `status.json` and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import polars as pl

from core import columns as c
from core.ports import DriftReport
from core.telemetry import PAIRWISE_ACCURACY
from evaluation.acceptance import acceptance
from monitoring.baseline import Baseline
from monitoring.quality import problems, volume_problem
from monitoring.reward import Reward, ServedLists, pairwise_accuracy
from monitoring.significance import Changes
from monitoring.watch import Decision
from monitoring.window import Window

if TYPE_CHECKING:
    from monitoring.watchdog import WatchdogConfig


@dataclass(frozen=True, eq=False)
class Examined:
    """A window beside the release's baseline: distances, changes by user, rewards, and notes that decide nothing."""

    baseline: Baseline
    window: Window
    lists: ServedLists
    reward: Reward
    report: DriftReport | None = None
    changes: Changes | None = None
    notes: tuple[str, ...] = ()


def shown_changes(shown: Changes) -> tuple[str, ...]:
    """Things that changed and do not decide. The hour of the day always does."""
    return tuple(
        f"{name} differs (p {change.p_value:.1g}, effect {change.effect:.2f}) and does not decide"
        for name, change in shown.found.items()
        if change.changed and name != "hour"
    )


def faults(window: Window, baseline: Baseline, now: float) -> tuple[str, ...]:
    """Of the window's events, and of their number in the last hour before `now` (Unix seconds)."""
    events = window.interactions
    found = problems(events, baseline.catalogue, window.arrived, baseline.new_kinds(events))
    return (*found, *volume_problem(dict(window.hours.iter_rows()), now))


def status(seen: Examined, decision: Decision, config: WatchdogConfig, now: float) -> dict[str, object]:
    """What `status.json` says."""
    window, report = seen.window, seen.report
    return {
        "checked_at": now,
        "release": seen.baseline.release,
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
        "events": len(window.interactions),
        "users": window.users,
        "acceptance": asdict(window.acceptance) if window.acceptance else None,
        "drift_share": report.share if report else None,
        "distances": dict(report.distances) if report else {},
        "drifted": {name: bool(yes) for name, yes in report.drifted.items()} if report else {},
        "changes": {name: asdict(change) for name, change in seen.changes.found.items()} if seen.changes else {},
        "untold": dict(seen.changes.untold) if seen.changes else {},
        "rewards": {name: asdict(fall) for name, fall in seen.reward.found.items()},
        "served": _served(seen, config),
    }


def _served(seen: Examined, config: WatchdogConfig) -> dict[str, object]:
    """What people made of the newest lists of this release, of those that are old enough: for the triggers of a retraining."""
    window, horizon = seen.window, config.reward.horizon
    of_release = window.shown.filter(pl.col(c.MODEL_VERSION) == seen.baseline.release)
    ripe = of_release.filter(pl.col(c.TS) <= of_release[c.TS].to_numpy().max(initial=0.0) - horizon)
    rate = acceptance(ripe, window.answers, config.attribution)
    accuracy = pairwise_accuracy(ripe, window.answers, horizon)
    if accuracy is not None:
        PAIRWISE_ACCURACY.set(accuracy[0])
    return {
        "acceptance": asdict(rate) if rate else None,
        "accuracy": {"pairwise": accuracy[0], "lists": accuracy[1]} if accuracy else None,
    }
