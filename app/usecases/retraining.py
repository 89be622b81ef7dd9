"""Starts retrainings within their rules (`lifecycle.retraining`), goes on with what was killed, and takes up requests."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app import wiring
from app.ops.own_module import own_module
from app.ops.ownership import attending, is_attended, sole_builder
from app.usecases import rolling_out
from app.usecases.retraining_files import RetrainFiles
from app.usecases.retraining_guard import conclude
from app.usecases.retraining_signals import NewEvents, read_served
from core.bundle import read_manifest
from core.errors import AlreadyRunning, MarqueeError
from core.ports import Clock, RetrainAnswer
from core.settings import Settings
from lifecycle.retraining import (
    MANUAL,
    Attempt,
    Permission,
    QuietHours,
    RetrainConfig,
    RetrainState,
    Signals,
    Trigger,
    permission,
    triggered,
)
from monitoring.timeline import Entry, Timeline
from monitoring.watch import Verdict

ATTEND_SECONDS = 1.0  # between two looks for a request, or for an attempt that was killed
TRIGGER_SECONDS = 600.0  # between two looks at schedule and volume
MAX_INTERRUPTIONS = 5  # times that an attempt is started again after it was killed
MAX_LOG = 5_000_000  # bytes, then the log becomes the old one
_log = logging.getLogger(__name__)


def config_of(settings: Settings) -> RetrainConfig:
    """Raises InvalidInput for quiet hours that are none."""
    return RetrainConfig(
        enabled=settings.retrain,
        cooldown=settings.retrain_cooldown,
        max_cooldown=settings.retrain_max_cooldown,
        max_per_day=settings.retrain_max_per_day,
        quiet=QuietHours.parse(settings.retrain_quiet_hours, settings.retrain_time_zone),
        every=settings.retrain_every_hours * 3600,
        new_share=settings.retrain_new_share,
        min_accuracy=settings.min_accuracy,
        min_acceptance=settings.min_acceptance,
    )


class _Rules:
    """The rules, with what is true of this home folder."""

    def __init__(self, settings: Settings, clock: Clock = time.time) -> None:
        self._settings = settings
        self._config = config_of(settings)
        self._files = RetrainFiles(settings.folder("retrain"))
        self._clock = clock

    def look(self, trigger: str = MANUAL) -> tuple[RetrainState, Permission]:
        """What is remembered, and whether one may start now; changes nothing."""
        with self._files.deciding():  # this tries the lock, and nobody else may take that for a retraining
            lock = self._files.hold()
            if lock is not None:
                os.close(lock)
            return self._judged(trigger, "" if lock is not None else "a retraining runs")

    def _judged(self, trigger: str, busy: str) -> tuple[RetrainState, Permission]:
        now = self._clock()
        state = self._files.state(now)
        if self._files.off.exists():
            busy = f"{self._files.off} exists; remove it to allow retrainings"
        elif not busy:
            busy = self._building() or rolling_out.busy(self._settings)
        return state, permission(trigger, self._config, state, now, busy)

    def _building(self) -> str:
        try:
            with sole_builder(self._settings.home):
                return ""
        except AlreadyRunning as error:
            return error.detail


class RequestedRetraining(_Rules):
    """`Retraining` for the API, which trains nothing itself: a watchdog takes the request up."""

    def ask(self, trigger: str, reasons: Sequence[str]) -> RetrainAnswer:
        _, allowed = self.look(trigger)
        if not allowed.allowed:
            return RetrainAnswer(False, allowed.reason, allowed.next_at)
        if not is_attended(self._settings.home):
            return RetrainAnswer(False, "no watchdog runs that would take it up; start one with `marquee watch`")
        self._files.request(list(reasons))
        return RetrainAnswer(True, f"a watchdog takes it up within seconds; {allowed.reason}", allowed.next_at)


class Retrainer(_Rules):
    """`Retraining` that starts the limited process. It ends with the thread that asked: keep that one alive, or `wait`."""

    def __init__(self, settings: Settings, clock: Clock = time.time) -> None:
        super().__init__(settings, clock)
        self._guard: subprocess.Popen[bytes] | None = None
        self._told: set[tuple[str, str | None]] = set()  # triggers that were held, and for which release, on record
        self._volume: NewEvents | None = None

    @property
    def log(self) -> Path:
        return self._settings.folder("logs") / "retraining.log"

    def ask(self, trigger: str, reasons: Sequence[str]) -> RetrainAnswer:
        with self._files.deciding():
            lock = self._files.hold()
            try:
                state, allowed = self._judged(trigger, "" if lock is not None else "a retraining runs")
                # written even when refused: times ahead of a clock that was set back are now's from here on
                self._files.write_state(state)
                if lock is None or not allowed.allowed:
                    return RetrainAnswer(False, allowed.reason, allowed.next_at)
                if state.running is None:
                    self._files.forget_progress()
                    shutil.rmtree(self._files.work, ignore_errors=True)
                    attempt = Attempt(
                        trigger=trigger, reasons=tuple(reasons), started_at=self._clock(), release=self._production()
                    )
                    self._start(state, attempt, lock)
                else:
                    self._start(state, _again(state.running), lock)
            finally:
                if lock is not None:
                    os.close(lock)
        _log.warning("retraining (%s): %s; %s; its log is %s", trigger, "; ".join(reasons), allowed.reason, self.log)
        return RetrainAnswer(True, allowed.reason, allowed.next_at)

    def go_on(self) -> bool:
        """Go on with an attempt whose processes were killed. False if there is none."""
        with self._files.deciding():
            state = self._files.state(self._clock())
            lock = self._files.hold() if state.running else None
            if lock is None or state.running is None:
                return False
            try:
                off = not self._settings.retrain or self._files.off.exists()
                over = "good" in self._files.progress() or state.running.interruptions >= MAX_INTERRUPTIONS or off
                if not over and not self._building():
                    self._start(state, _again(state.running), lock)
                    _log.warning("a retraining was interrupted and goes on; its log is %s", self.log)
                if over:
                    why = "it was switched off" if off else f"it was killed {state.running.interruptions + 1} times"
                    conclude(self._files, self._clock(), why)
            finally:
                os.close(lock)
        return True

    def wait(self) -> None:
        """Until what this object started has ended."""
        if self._guard is not None:
            self._guard.wait()

    def attend(self, stop: threading.Event) -> None:
        """Until `stop`: go on with what was killed, take up requests, and look at schedule and volume."""
        looked = float("-inf")
        while not stop.is_set():
            try:
                with attending(self._settings.home):
                    while not stop.wait(ATTEND_SECONDS):
                        self._attend()
                        if time.monotonic() - looked >= TRIGGER_SECONDS:
                            looked = time.monotonic()
                            self.look_at_triggers()
            except (MarqueeError, OSError) as error:
                _log.warning("retraining is looked after again in a moment: %s", error)
                stop.wait(ATTEND_SECONDS)

    def look_at_triggers(self) -> None:
        """Ask for what schedule and volume want."""
        state, allowed = self.look("schedule")
        if not allowed.allowed:
            return
        signals = self._signals()
        wanted = triggered(self._config, signals, state, self._clock())
        for trigger in (one for one in wanted if one.held and (one.name, signals.release) not in self._told):
            self._told.add((trigger.name, signals.release))
            self._record(Verdict.OK, trigger, f"none: {trigger.held}")
        for trigger in [one for one in wanted if not one.held][:1]:
            answer = self.ask(trigger.name, trigger.reasons)
            done = f"a retraining ({trigger.name}) was {'started' if answer.started else 'not started'}: {answer.reason}"
            self._record(Verdict.RETRAIN, trigger, done)

    def _record(self, verdict: Verdict, trigger: Trigger, action: str) -> None:
        """In the watchdog's decision record."""
        now = self._clock()
        entry = Entry(at=now, verdict=verdict, reasons=trigger.reasons, action=action, next_at=now + TRIGGER_SECONDS)
        Timeline(self._settings.folder("watch")).append(entry)

    def _attend(self) -> None:
        if self._guard is not None and self._guard.poll() is not None:
            self._guard = None
        self.go_on()
        reasons = self._files.requested()
        if reasons is not None:
            answer = self.ask(MANUAL, reasons)
            self._files.take_request()
            _log.info("a request for a retraining: %s", answer.reason)

    def _signals(self) -> Signals:
        """Raises NotFound without a release or data, DependencyUnavailable."""
        registry = wiring.registry(self._settings)
        manifest = read_manifest(registry.fetch("production"))
        if self._volume is None:
            self._volume = NewEvents(wiring.lake(self._settings))
        served = read_served(self._settings.folder("watch"), manifest.release)
        return Signals(
            accuracy=served.accuracy,
            acceptance=served.acceptance,
            new_share=self._volume.share(manifest.trained_until),
            released_at=datetime.fromisoformat(manifest.created).timestamp(),
            release=registry.version("production"),
        )

    def _production(self) -> str | None:
        try:
            return wiring.registry(self._settings).version("production")
        except MarqueeError:  # none yet, or the registry does not answer; then a threshold may ask once more
            return None

    def _start(self, state: RetrainState, attempt: Attempt, lock: int) -> None:
        # noted first: an attempt that kills this process is not started again at once
        self._files.write_state(state.started(attempt))
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG:
            self.log.replace(self.log.with_suffix(".old.log"))
        module = own_module("app.usecases.retraining_guard", str(lock))
        with self.log.open("ab") as out:
            self._guard = subprocess.Popen(  # noqa: S603 - our own command, no shell
                own_module("app.ops.bound_child", *module),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock,),
            )


def _again(attempt: Attempt) -> Attempt:
    return attempt.model_copy(update={"interruptions": attempt.interruptions + 1})
