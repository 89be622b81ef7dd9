"""The watchdog: compares current behaviour with what the release learned from, and requests a retraining when they differ.

`python -m monitoring.watchdog` runs it with the settings; `marquee watch` is the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from core import telemetry
from core.errors import MarqueeError
from core.ports import Clock, DriftDetector, DriftReport, ModelRegistry
from lake.ports import Lake
from monitoring.baseline import Baseline
from monitoring.journal import Journal
from monitoring.samples import MIN_ROWS
from monitoring.timeline import Entry, Timeline
from monitoring.watch import Decision, Verdict, WatchConfig, decide
from monitoring.window import Window, recent_window

PRODUCTION = "production"
UNAVAILABLE = "unavailable"  # the verdict, in metrics, of a check that could not read its data
ACTIONS: Mapping[Verdict, str] = {
    Verdict.OK: "none",
    Verdict.DRIFT: "none: retraining on drift is off",
    Verdict.RETRAIN: "asks for a retraining",
    Verdict.COOLDOWN: "none: waits for the cool-down",
    Verdict.INSUFFICIENT: "none: waits for more events",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WatchdogConfig:
    """How often to look, and at how much."""

    interval: float = 60.0  # seconds between checks
    window: int = 2_000  # newest interactions
    min_rows: int = 200
    min_users: int = 10  # a window of three users describes those users only
    decision: WatchConfig = field(default_factory=WatchConfig)


class Watchdog:
    """Checks the production release every interval. Keeps running when the lake or the registry does not answer."""

    def __init__(
        self,
        registry: ModelRegistry,
        lake: Lake,
        detector: DriftDetector,
        journal: Journal,
        retrain: Callable[[str], None],
        config: WatchdogConfig,
        clock: Clock = time.time,
        timeline: Timeline | None = None,
    ) -> None:
        self._registry = registry
        self._lake = lake
        self._detector = detector
        self._journal = journal
        self._retrain = retrain  # called with the reasons; the next check waits until it returns
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
            window = recent_window(self._lake, self._config.window)
            report = self._compare(baseline, window)
            decision = decide(report, window.acceptance, self._config.decision, self._journal.last_retrain(), self._clock())
            self._publish(baseline, window, report, decision)
            self._record(decision.verdict, decision.reasons, ACTIONS[decision.verdict], baseline.release)
            if decision.verdict is Verdict.RETRAIN:
                self._ask_for_retraining("; ".join(decision.reasons))
        except (MarqueeError, OSError) as error:
            telemetry.WATCH_CHECKS.labels(UNAVAILABLE).inc()
            _log.warning("no check: %s", error)
            self._record_failure(error)
            return None
        return decision

    def _record(self, verdict: str, reasons: Sequence[str], action: str, release: str | None) -> None:
        if self._timeline is not None:
            now = self._clock()
            next_at = now + self._config.interval
            self._timeline.append(
                Entry(at=now, verdict=verdict, reasons=tuple(reasons), action=action, next_at=next_at, release=release)
            )

    def _record_failure(self, error: Exception) -> None:
        """That this check could not tell, and why; if the record itself cannot be written, the log has to do."""
        try:
            self._record(UNAVAILABLE, (str(error),), "none: waits", self._baseline.release if self._baseline else None)
        except OSError as failure:
            _log.warning("the decision is not on record: %s", failure)

    def _current_baseline(self) -> Baseline:
        """That of the production release, read again when another one was promoted."""
        folder = self._registry.fetch(PRODUCTION)
        if self._baseline is None or self._baseline.folder != folder:
            self._baseline = Baseline.load(folder)
        return self._baseline

    def _compare(self, baseline: Baseline, window: Window) -> DriftReport | None:
        """None when the window is too small, or shares no feature with the reference that has enough rows in both."""
        if len(window.interactions) < self._config.min_rows or window.users < self._config.min_users:
            return None
        current = baseline.columns(window.interactions)
        comparable = [
            name
            for name, values in baseline.reference.items()
            if len(values) >= MIN_ROWS and len(current.get(name, ())) >= MIN_ROWS
        ]
        if not comparable:
            return None
        return self._detector.compare(
            {name: baseline.reference[name] for name in comparable}, {name: current[name] for name in comparable}
        )

    def _publish(self, baseline: Baseline, window: Window, report: DriftReport | None, decision: Decision) -> None:
        telemetry.WATCH_CHECKS.labels(decision.verdict).inc()
        if report is not None:
            telemetry.DRIFT_SHARE.set(report.share)
            for name, distance in report.distances.items():
                telemetry.DRIFT_DISTANCE.labels(name).set(distance)
        if window.acceptance is not None:
            telemetry.ACCEPTANCE_RATE.set(window.acceptance)
        self._journal.write(_status(baseline, window, report, decision, self._clock()), report.html if report else "")
        seen = f"{len(window.interactions):,} events of {window.users:,} users against release {baseline.release}"
        _log.info("%s: %s (%s)", decision.verdict, "; ".join(decision.reasons), seen)

    def _ask_for_retraining(self, reasons: str) -> None:
        # noted first: a retraining that kills this process must not be asked for again at once
        self._journal.note_retrain(self._clock())
        self._retrain(reasons)


def _status(baseline: Baseline, window: Window, report: DriftReport | None, decision: Decision, now: float) -> dict[str, object]:
    """What `status.json` says."""
    return {
        "checked_at": now,
        "release": baseline.release,
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
        "events": len(window.interactions),
        "users": window.users,
        "acceptance": window.acceptance,
        "drift_share": report.share if report else None,
        "distances": dict(report.distances) if report else {},
        "drifted": {name: bool(yes) for name, yes in report.drifted.items()} if report else {},
    }


if __name__ == "__main__":
    from app.entrypoints import run_watchdog

    run_watchdog()
