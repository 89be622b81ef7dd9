"""The watchdog: compares current behaviour with what the release learned from, and requests a retraining when they differ.

`python -m monitoring.watchdog` runs it with the settings; `marquee watch` is the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from core import columns as c
from core import telemetry
from core.errors import MarqueeError
from core.garbage import give_back
from core.ports import Clock, DriftDetector, DriftReport, ModelRegistry, Retraining
from core.words import counted
from evaluation.acceptance import ATTRIBUTION_SECONDS
from lake.ports import Lake
from monitoring.baseline import Baseline, Sample
from monitoring.examined import Examined, faults, shown_changes, status
from monitoring.hysteresis import place
from monitoring.journal import Journal
from monitoring.reward import RewardConfig, reward, served_lists
from monitoring.samples import MIN_ROWS
from monitoring.significance import SignificanceConfig, changes, chosen
from monitoring.timeline import Entry, Timeline
from monitoring.watch import NO_USERS, Before, Decision, Verdict, WatchConfig, decide
from monitoring.window import RecentLake, Window

PRODUCTION = "production"
ACTIONS: Mapping[Verdict, str] = {
    Verdict.OK: "none",
    Verdict.SUSPECTED: "none: waits for the next window",
    Verdict.DRIFT: "none: retraining on drift is off",
    Verdict.CANNOT_TELL: "none: waits",
}
REMEMBERED = 1_000  # decisions that are looked at for earlier windows
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WatchdogConfig:
    """How often to look, and at how much."""

    interval: float = 60.0  # seconds between checks
    window: int = 2_000  # newest interactions
    min_rows: int = 200
    attribution: float = ATTRIBUTION_SECONDS  # seconds in which an answer belongs to a list
    significance: SignificanceConfig = field(default_factory=SignificanceConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    decision: WatchConfig = field(default_factory=WatchConfig)


class Watchdog:
    """Checks the production release every interval. Keeps running when the lake or the registry does not answer."""

    def __init__(
        self,
        registry: ModelRegistry,
        lake: Lake,
        detector: DriftDetector,
        journal: Journal,
        retraining: Retraining,
        config: WatchdogConfig,
        timeline: Timeline,
        clock: Clock = time.time,
    ) -> None:
        self._registry = registry
        self._recent = RecentLake(lake, config.window, config.attribution)
        self._detector = detector
        self._journal = journal
        self._retraining = retraining  # answers at once; the retraining itself runs elsewhere
        self._config = config
        self._clock = clock
        self._timeline = timeline
        self._baseline: Baseline | None = None

    def run(self, stop: threading.Event) -> None:
        """Check now and after every interval until `stop` is set."""
        while not stop.is_set():
            self.check()
            give_back()  # until the next check
            stop.wait(self._config.interval)

    def check(self) -> Decision | None:
        """One check: look, decide, publish, act. None when something it needs does not answer."""
        try:
            baseline = self._current_baseline()
            seen = self._examined(baseline, self._recent.look())
            earlier = self._timeline.newest(REMEMBERED)
            events, drifted = place(seen.window.interactions[c.TS].to_numpy(), baseline.release, earlier)
            rewards, fell = place(seen.lists.latest[c.TS].to_numpy(), baseline.release, earlier, "reward")
            decision = decide(seen.report, self._config.decision, Before(drifted, fell), seen.changes, seen.reward)
            notes = [*seen.notes, *faults(seen.window, baseline, self._clock())]
            decision = replace(decision, reasons=(*decision.reasons, *notes))
            self._publish(seen, decision)
            rewards = rewards.model_copy(update={"yes": decision.fell})
            action = self._act(decision)
            self._record(decision.verdict, decision.reasons, action, release=baseline.release, drifted=decision.drifted,
                         window=events.number, seen_to=events.seen_to, rewards=rewards)  # fmt: skip
        except (MarqueeError, OSError) as error:
            telemetry.WATCH_CHECKS.labels(Verdict.CANNOT_TELL).inc()
            _log.warning("no check: %s", error)
            self._record_failure(error)
            return None
        return decision

    def _record(self, verdict: Verdict, reasons: tuple[str, ...], action: str, **seen: Any) -> None:
        now = self._clock()
        next_at = now + self._config.interval
        self._timeline.append(Entry(at=now, verdict=verdict, reasons=reasons, action=action, next_at=next_at, **seen))

    def _record_failure(self, error: Exception) -> None:
        """That this check could not tell, and why; if the record itself cannot be written, the log has to do."""
        release = self._baseline.release if self._baseline else None
        try:
            self._record(Verdict.CANNOT_TELL, (str(error),), ACTIONS[Verdict.CANNOT_TELL], release=release)
        except OSError as failure:
            _log.warning("the decision is not on record: %s", failure)

    def _current_baseline(self) -> Baseline:
        """That of the production release, read again when another one was promoted."""
        folder = self._registry.fetch(PRODUCTION)
        if self._baseline is None or self._baseline.folder != folder:
            self._baseline = Baseline.load(folder)
        return self._baseline

    def _examined(self, baseline: Baseline, window: Window) -> Examined:
        """Distances, and changes by user. No distances when the window is too small or shares no feature that has enough rows
        in both; no changes when it is too small or the release is of before reference samples had users."""
        config = self._config
        lists = served_lists(window.first_shown, window.shown, window.answers, baseline.release, config.reward)
        seen = Examined(baseline, window, lists, reward(lists, config.reward))
        rows, users = len(window.interactions), window.users
        if rows < config.min_rows or users < config.significance.min_users:
            least = f"at least {config.min_rows:,} of {config.significance.min_users} users are needed"
            return replace(seen, notes=(f"the window has {counted(rows, 'event')} of {counted(users, 'user')}, {least}",))
        reference, current = baseline.compared(window.interactions, lists)
        report = self._distances(reference, current)
        if not baseline.has_users:
            return replace(seen, report=report, notes=(NO_USERS,) if report else ())
        found, shown = (
            changes(chosen(reference, deciding), chosen(current, deciding), config.significance) for deciding in (True, False)
        )
        return replace(seen, report=report, changes=found, notes=shown_changes(shown))

    def _distances(self, reference: Sample, current: Sample) -> DriftReport | None:
        columns = ({name: one.values[np.isfinite(one.values)] for name, one in sample.items()} for sample in (reference, current))
        before, now = columns
        names = [name for name, values in before.items() if min(len(values), len(now.get(name, ()))) >= MIN_ROWS]
        if not names:
            return None
        return self._detector.compare({name: before[name] for name in names}, {name: now[name] for name in names})

    def _publish(self, seen: Examined, decision: Decision) -> None:
        telemetry.WATCH_CHECKS.labels(decision.verdict).inc()
        if seen.report is not None:
            telemetry.DRIFT_SHARE.set(seen.report.share)
            for name, distance in seen.report.distances.items():
                telemetry.DRIFT_DISTANCE.labels(name).set(distance)
        if seen.window.acceptance is not None:
            telemetry.ACCEPTANCE_RATE.labels("list").set(seen.window.acceptance.per_list)
            telemetry.ACCEPTANCE_RATE.labels("user_day").set(seen.window.acceptance.per_user_day)
        for name, fall in seen.reward.found.items():
            if fall.before > 0:
                telemetry.REWARD_RATIO.labels(name).set(fall.now / fall.before)
        found = status(seen, decision, self._config, self._clock())
        self._journal.write(found, seen.report.html if seen.report else "")
        events = f"{counted(len(seen.window.interactions), 'event')} of {counted(seen.window.users, 'user')}"
        _log.info("%s: %s (%s against release %s)", decision.verdict, "; ".join(decision.reasons), events, seen.baseline.release)

    def _act(self, decision: Decision) -> str:
        """What comes of the decision, in words. A retraining has rules of its own, and may be refused by them."""
        if decision.verdict is not Verdict.RETRAIN:
            return ACTIONS[decision.verdict]
        answer = self._retraining.ask(decision.trigger, decision.reasons)
        if answer.started:
            telemetry.DECISIONS.labels("retrain").inc()
        done = f"a retraining was {'started' if answer.started else 'not started'}: {answer.reason}"
        _log.warning("%s", done)
        return done


if __name__ == "__main__":
    from app.entrypoints import run_watchdog

    run_watchdog()
