"""Decides whether there is drift and whether to retrain. Pure; the watchdog acts on the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.errors import InvalidInput
from core.ports import DriftReport
from core.words import counted
from monitoring.reward import Reward
from monitoring.significance import Changes

NO_USERS = "by distance alone: the release is of before reference samples had users"


class Verdict(StrEnum):
    """What a check concluded."""

    OK = "ok"
    SUSPECTED = "suspected"  # seen, but in too few of the last windows
    DRIFT = "drift"  # seen; retraining on drift is off
    RETRAIN = "retrain"  # seen; one is asked for, whose own rules decide (lifecycle.retraining)
    CANNOT_TELL = "cannot tell"  # too little traffic, nothing to compare, or data that could not be read; the reasons say which


@dataclass(frozen=True)
class WatchConfig:
    """What counts as drift, and whether to retrain on it."""

    drift_share: float = 0.5  # share of watched features, for a release whose reference sample has no users
    retrain: bool = False
    drifted_windows: int = 2  # that must have drifted, this one included, of the last `of_windows`; for rewards likewise
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
    fell: bool | None = None  # whether the reward of this window's lists alone fell
    trigger: str = "drift"  # what a retraining is asked for with: "reward" where that fell in enough windows


class Before(NamedTuple):
    """Whether earlier windows drifted, and whether rewards fell in them, oldest first."""

    drifted: Sequence[bool] = ()
    fell: Sequence[bool] = ()


NOTHING_BEFORE = Before()


def decide(
    report: DriftReport | None,
    config: WatchConfig,
    before: Before = NOTHING_BEFORE,
    changes: Changes | None = None,
    rewards: Reward | None = None,
) -> Decision:
    """Weigh one check. `report` is None when there was too little to compare, `rewards` when no list was looked at.

    `changes` decides about the features; None when it cannot, then the distances in `report` do.
    """
    features = _by_distance(report, config) if changes is None else _by_user(changes)
    lists = _rewards(rewards)
    concerns = [_weighed(features, before.drifted, "drift", config), _weighed(lists, before.fell, "a lower reward", config)]
    reasons = tuple(reason for concern in concerns for reason in concern.reasons)
    sustained = [trigger for trigger, concern in zip(("drift", "reward"), concerns, strict=True) if concern.sustained]
    trigger = sustained[-1] if sustained else "drift"  # people who accept less weigh more than people who changed
    if sustained and config.retrain:
        verdict = Verdict.RETRAIN
    elif sustained:
        verdict, reasons = Verdict.DRIFT, (*reasons, "retraining on drift is off")
    elif features.drifted or lists.drifted:
        verdict = Verdict.SUSPECTED
    else:
        verdict = Verdict.CANNOT_TELL if features.drifted is None else Verdict.OK
    return Decision(verdict, reasons, features.drifted, lists.drifted, trigger)


class _Seen(NamedTuple):
    """What the watched features, or the rewards, say."""

    drifted: bool | None  # None: it cannot be told
    reasons: tuple[str, ...]


class _Concern(NamedTuple):
    """Reasons, and whether they were seen in enough windows."""

    reasons: tuple[str, ...]
    sustained: bool = False


def _weighed(seen: _Seen, before: Sequence[bool], what: str, config: WatchConfig) -> _Concern:
    if not seen.drifted:
        return _Concern(seen.reasons)
    recent = [*before, True][-config.of_windows :]
    if sum(recent) >= config.drifted_windows:
        return _Concern(seen.reasons, sustained=True)
    count = f"{what} in {sum(recent)} of the latest {counted(len(recent), 'window')}, needed: {config.drifted_windows}"
    return _Concern((*seen.reasons, count))


def _by_user(changes: Changes) -> _Seen:
    """Drifted when a feature changed. Whatever cannot be told is among the reasons."""
    untold = tuple(f"cannot be told: {why}" for why in changes.untold.values())
    if not changes.found:
        return _Seen(None, untold or ("nothing to compare",))
    changed = sorted((name for name, change in changes.found.items() if change.changed), key=lambda n: -changes.found[n].effect)
    named = ", ".join(f"{n} (p {changes.found[n].p_value:.1g}, effect {changes.found[n].effect:.2f})" for n in changed)
    return _Seen(bool(changed), (_summary(len(changed), len(changes.found), named), *untold))


def _rewards(rewards: Reward | None) -> _Seen:
    """Fallen when one rate did. All of them are among the reasons."""
    if rewards is None:
        return _Seen(None, ())
    if rewards.untold:
        return _Seen(None, (f"reward cannot be told: {rewards.untold}",))
    told = []
    for name, fall in rewards.found.items():
        rate = f"{name} is {fall.now:.1%} of lists, {fall.before:.1%} of the release's first"
        told.append(f"{rate}: it fell (p {fall.p_value:.1g})" if fall.fell else rate)
    return _Seen(rewards.fell, tuple(told))


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
