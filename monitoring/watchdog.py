"""The watchdog: compares current behaviour with what the release learned from, and requests a retraining when they differ.

`python -m monitoring.watchdog` runs it with the settings; `marquee watch` is the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from core import columns as c
from core import telemetry
from core.errors import MarqueeError
from core.ports import Clock, DriftDetector, DriftReport, ModelRegistry, Retraining
from evaluation.acceptance import ATTRIBUTION_SECONDS
from evaluation.watched import values_of
from lake.ports import Lake
from monitoring.baseline import Baseline
from monitoring.hysteresis import Place, place
from monitoring.journal import Journal
from monitoring.quality import problems
from monitoring.samples import MIN_ROWS
from monitoring.significance import Changes, SignificanceConfig
from monitoring.timeline import Entry, Timeline
from monitoring.watch import NO_USERS, Decision, Verdict, WatchConfig, decide
from monitoring.window import Window, recent_window

PRODUCTION = "production"
UNAVAILABLE = "unavailable"  # the verdict, in metrics, of a check that could not read its data
ACTIONS: Mapping[Verdict, str] = {
    Verdict.OK: "none",
    Verdict.SUSPECTED: "none: waits for the next window",
    Verdict.DRIFT: "none: retraining on drift is off",
    Verdict.INSUFFICIENT: "none: waits for more events",
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
        self._lake = lake
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
            stop.wait(self._config.interval)

    def check(self) -> Decision | None:
        """One check: look, decide, publish, act. None when something it needs does not answer."""
        try:
            baseline = self._current_baseline()
            window = recent_window(self._lake, self._config.window, self._config.attribution)
            report, changes = self._compare(baseline, window)
            at = self._place(baseline, window)
            decision = decide(
                report, window.acceptance.per_list if window.acceptance else None, self._config.decision, at.before, changes
            )
            if report is not None and changes is None:
                decision = replace(decision, reasons=(*decision.reasons, NO_USERS))
            faults = problems(window.interactions, baseline.catalogue)
            decision = replace(decision, reasons=(*decision.reasons, *faults))
            self._publish(baseline, window, report, changes, decision)
            self._record(decision, self._act(decision), baseline.release, at)
        except (MarqueeError, OSError) as error:
            telemetry.WATCH_CHECKS.labels(UNAVAILABLE).inc()
            _log.warning("no check: %s", error)
            self._record_failure(error)
            return None
        return decision

    def _place(self, baseline: Baseline, window: Window) -> Place:
        times = window.interactions[c.TS].to_numpy()
        return place(times, baseline.release, self._timeline.newest(REMEMBERED))

    def _record(self, decision: Decision, action: str, release: str | None, at: Place) -> None:
        now = self._clock()
        self._timeline.append(
            Entry(
                at=now,
                verdict=decision.verdict,
                reasons=decision.reasons,
                action=action,
                next_at=now + self._config.interval,
                release=release,
                drifted=decision.drifted,
                window=at.number,
                seen_to=at.seen_to,
            )
        )

    def _record_failure(self, error: Exception) -> None:
        """That this check could not tell, and why; if the record itself cannot be written, the log has to do."""
        now, release = self._clock(), self._baseline.release if self._baseline else None
        next_at = now + self._config.interval
        reasons = (str(error),)
        try:
            self._timeline.append(
                Entry(at=now, verdict=UNAVAILABLE, reasons=reasons, action="none: waits", next_at=next_at, release=release)
            )
        except OSError as failure:
            _log.warning("the decision is not on record: %s", failure)

    def _current_baseline(self) -> Baseline:
        """That of the production release, read again when another one was promoted."""
        folder = self._registry.fetch(PRODUCTION)
        if self._baseline is None or self._baseline.folder != folder:
            self._baseline = Baseline.load(folder)
        return self._baseline

    def _compare(self, baseline: Baseline, window: Window) -> tuple[DriftReport | None, Changes | None]:
        """Distances, and changes by user. No distances when the window is too small or shares no feature that has enough rows
        in both; no changes when it is too small or the release is of before reference samples had users."""
        if len(window.interactions) < self._config.min_rows or window.users < self._config.significance.min_users:
            return None, None
        watched = baseline.watched(window.interactions)
        changes = baseline.changes(watched, self._config.significance)
        reference, current = baseline.reference, values_of(watched)
        names = [name for name, values in reference.items() if min(len(values), len(current.get(name, ()))) >= MIN_ROWS]
        if not names:
            return None, changes
        report = self._detector.compare({name: reference[name] for name in names}, {name: current[name] for name in names})
        return report, changes

    def _publish(
        self, baseline: Baseline, window: Window, report: DriftReport | None, changes: Changes | None, decision: Decision
    ) -> None:
        telemetry.WATCH_CHECKS.labels(decision.verdict).inc()
        if report is not None:
            telemetry.DRIFT_SHARE.set(report.share)
            for name, distance in report.distances.items():
                telemetry.DRIFT_DISTANCE.labels(name).set(distance)
        if window.acceptance is not None:
            telemetry.ACCEPTANCE_RATE.labels("list").set(window.acceptance.per_list)
            telemetry.ACCEPTANCE_RATE.labels("user_day").set(window.acceptance.per_user_day)
        status = _status(baseline, window, report, decision, self._clock())
        status["changes"] = {name: asdict(change) for name, change in changes.found.items()} if changes else {}
        status["untold"] = dict(changes.untold) if changes else {}
        self._journal.write(status, report.html if report else "")
        seen = f"{len(window.interactions):,} events of {window.users:,} users against release {baseline.release}"
        _log.info("%s: %s (%s)", decision.verdict, "; ".join(decision.reasons), seen)

    def _act(self, decision: Decision) -> str:
        """What comes of the decision, in words. A retraining has rules of its own, and may be refused by them."""
        if decision.verdict is not Verdict.RETRAIN:
            return ACTIONS[decision.verdict]
        answer = self._retraining.ask("drift", decision.reasons)
        if answer.started:
            telemetry.DECISIONS.labels("retrain").inc()
        done = f"a retraining was {'started' if answer.started else 'not started'}: {answer.reason}"
        _log.warning("%s", done)
        return done


def _status(baseline: Baseline, window: Window, report: DriftReport | None, decision: Decision, now: float) -> dict[str, object]:
    """What `status.json` says."""
    return {
        "checked_at": now,
        "release": baseline.release,
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
        "events": len(window.interactions),
        "users": window.users,
        "acceptance": asdict(window.acceptance) if window.acceptance else None,
        "drift_share": report.share if report else None,
        "distances": dict(report.distances) if report else {},
        "drifted": {name: bool(yes) for name, yes in report.drifted.items()} if report else {},
    }


if __name__ == "__main__":
    from app.entrypoints import run_watchdog

    run_watchdog()
