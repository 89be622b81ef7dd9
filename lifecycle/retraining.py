"""Whether a retraining may start now, why or why not, and when the next one may. Pure; `app.usecases.retraining` acts on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict

from core.errors import InvalidInput

DAY = 86_400.0
MAX_ANSWERED = 20  # releases that are remembered for each threshold
MANUAL = "manual"
THRESHOLDS = ("accuracy", "reward")  # triggers that a figure below a setting pulls
TRIGGERS = ("drift", "reward", "accuracy", "schedule", "volume", MANUAL)


@dataclass(frozen=True)
class QuietHours:
    """A time of day in which no retraining starts by itself; `end` may be on the next day."""

    begin: time
    end: time
    zone: tzinfo = UTC

    @classmethod
    def parse(cls, text: str, zone: str) -> QuietHours | None:
        """Of `22:00-06:00` and a time zone such as `Europe/Berlin`; None of an empty text. Raises InvalidInput."""
        try:
            known = UTC if zone == "UTC" else ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            allowed = "the name of a time zone, such as UTC or Europe/Berlin"
            raise InvalidInput("MARQUEE_RETRAIN_TIME_ZONE", zone, allowed) from error
        if not text:
            return None
        try:
            begin, end = (time.fromisoformat(part) for part in text.split("-"))
        except ValueError as error:
            raise InvalidInput("MARQUEE_RETRAIN_QUIET_HOURS", text, "HH:MM-HH:MM, such as 22:00-06:00, or empty") from error
        if begin == end:
            raise InvalidInput("MARQUEE_RETRAIN_QUIET_HOURS", text, "two different times of day, or empty")
        return cls(begin, end, known)

    def over(self, now: float) -> float:
        """When they are over (Unix seconds), or `now` where it is none of them."""
        here = datetime.fromtimestamp(now, self.zone)
        at = here.time()
        within = self.begin <= at < self.end if self.begin < self.end else at >= self.begin or at < self.end
        if not within:
            return now
        day = here.date() + timedelta(days=1 if at >= self.end else 0)
        return datetime.combine(day, self.end, self.zone).timestamp()


@dataclass(frozen=True)
class RetrainConfig:
    """The rules, and from where on a figure asks for a retraining. 0 turns a trigger off."""

    enabled: bool = True
    cooldown: float = 3600.0  # seconds from the end of one to the start of the next
    max_cooldown: float = DAY  # up to which failures double it
    max_per_day: int = 4  # in any 24 hours
    quiet: QuietHours | None = None
    every: float = 0.0  # seconds between two by schedule
    new_share: float = 0.2  # events since the release's data, as a share of all
    min_accuracy: float = 0.8
    min_acceptance: float = 0.5  # of users' days, below which it is critical; up to 0.75 is a matter for an alert


class Attempt(BaseModel):
    """A retraining that was started."""

    model_config = ConfigDict(frozen=True)

    trigger: str
    reasons: tuple[str, ...]
    started_at: float  # Unix seconds
    release: str | None = None  # the version that was in production then
    interruptions: int = 0  # how often it was killed and started again


class RetrainState(BaseModel):
    """What is remembered of retrainings across restarts. Times are Unix seconds."""

    model_config = ConfigDict(frozen=True)

    running: Attempt | None = None
    starts: tuple[float, ...] = ()  # of the last 24 hours
    ended_at: float | None = None
    failures: int = 0  # since the last one that went into production
    outcome: str = "there was none"
    version: str | None = None  # that the last one registered
    answered: dict[str, tuple[str, ...]] = {}  # threshold trigger -> versions for which it asks no more, the newest last

    def as_of(self, now: float) -> RetrainState:
        """The same without what is over. A clock that was set back puts times ahead of now: these count as now, so that the whole
        cool-down is waited for once, neither nothing nor for ever."""
        starts = tuple(min(start, now) for start in self.starts if start > now - DAY)
        ended = None if self.ended_at is None else min(self.ended_at, now)
        return self.model_copy(update={"starts": starts, "ended_at": ended})

    def started(self, attempt: Attempt) -> RetrainState:
        """With an attempt that runs. One that goes on after an interruption is not counted again."""
        again = attempt.interruptions > 0
        return self.model_copy(
            update={
                "running": attempt,
                "starts": self.starts if again else (*self.starts, attempt.started_at),
                "answered": self._answered(attempt.trigger, attempt.release),
            }
        )

    def ended(self, now: float, good: bool, outcome: str, version: str | None = None) -> RetrainState:
        """With an attempt that is over. `good` means that it went into production."""
        failures = 0 if good else self.failures + 1
        answered = self._answered(self.running.trigger, version) if self.running else self.answered
        return self.model_copy(
            update={
                "running": None,
                "ended_at": now,
                "failures": failures,
                "outcome": outcome,
                "version": version,
                "answered": answered,
            }
        )

    def _answered(self, trigger: str, release: str | None) -> dict[str, tuple[str, ...]]:
        """A threshold that asked for a release, or made one, asks no more for that: it would retrain for ever where it is out of
        reach, as half of all users' days is for a shop in which every tenth visitor buys."""
        if trigger not in THRESHOLDS or release is None:
            return self.answered
        return self.answered | {trigger: (*self.answered.get(trigger, ()), release)[-MAX_ANSWERED:]}


@dataclass(frozen=True)
class Permission:
    """Whether one may start; `next_at` (Unix seconds) is None where no time says when. `overrode`: rules that did not count."""

    allowed: bool
    reason: str
    next_at: float | None = None
    overrode: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signals:
    """What the triggers look at. None: it is not known."""

    accuracy: float | None = None  # 0 to 1
    acceptance: float | None = None  # of users' days, 0 to 1
    new_share: float | None = None  # of events that the production release has not seen, 0 to 1
    released_at: float | None = None  # Unix seconds
    release: str | None = None  # the version that is in production


def cooldown(config: RetrainConfig, failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubled by each, up to the maximum."""
    return min(config.cooldown * 2.0 ** min(failures, 30), max(config.max_cooldown, config.cooldown))


def permission(trigger: str, config: RetrainConfig, state: RetrainState, now: float, busy: str = "") -> Permission:
    """Whether `trigger` may start one now. `state` is as of now, `busy` says what stands in the way: a switch, or another build.

    A person overrides the cool-down, the daily cap and the quiet hours, and is told so. Raises InvalidInput for another trigger.
    """
    if trigger not in TRIGGERS:
        raise InvalidInput("trigger", trigger, ", ".join(TRIGGERS))
    if not config.enabled:
        return Permission(False, "retraining is switched off (MARQUEE_RETRAIN)")
    if busy:
        return Permission(False, busy)
    rules, next_at = _waits(config, state, now)
    if rules and trigger != MANUAL:
        return Permission(False, "; ".join(rules), next_at)
    return Permission(True, "no rule is against it" if not rules else f"overrides: {'; '.join(rules)}", now, tuple(rules))


def _waits(config: RetrainConfig, state: RetrainState, now: float) -> tuple[list[str], float]:
    """The rules that say to wait, and the earliest moment (Unix seconds) at which none of them does."""
    rules, next_at = [], now
    if state.ended_at is not None and (cool := state.ended_at + cooldown(config, state.failures)) > now:
        failed = f" after {state.failures} without success" if state.failures else ""
        rules.append(f"the cool-down{failed} lasts until {shown(cool)}")
        next_at = max(next_at, cool)
    if len(state.starts) >= config.max_per_day:
        free = sorted(state.starts)[-config.max_per_day] + DAY
        rules.append(f"{len(state.starts)} were started within 24 hours (maximum {config.max_per_day})")
        next_at = max(next_at, free)
    if config.quiet:
        if (over := config.quiet.over(now)) > now:
            rules.append(f"these are quiet hours until {shown(over)}")
        next_at = config.quiet.over(next_at)
    return rules, next_at


ASKED_BEFORE = "a retraining for that was made already for this release or made it; it is not asked for again"


@dataclass(frozen=True)
class Trigger:
    """That something asks for a retraining, and why. `held`: why it does not ask after all."""

    name: str
    reasons: tuple[str, ...] = field(default_factory=tuple)
    held: str = ""


def triggered(config: RetrainConfig, signals: Signals, state: RetrainState, now: float) -> Sequence[Trigger]:
    """What asks for a retraining by itself, the most urgent first. A threshold does so once for a release, and not for one that a
    retraining for the same threshold made; then it is held."""
    found = []
    for name, what, value, least in (
        ("accuracy", "accuracy", signals.accuracy, config.min_accuracy),
        ("reward", "acceptance", signals.acceptance, config.min_acceptance),
    ):
        if value is not None and value < least:
            held = ASKED_BEFORE if signals.release in state.answered.get(name, ()) else ""
            found.append(Trigger(name, (f"{what} is {value:.1%}, below {least:.1%}",), held))
    if config.new_share and signals.new_share is not None and signals.new_share >= config.new_share:
        found.append(Trigger("volume", (f"{signals.new_share:.1%} of the events came after the release's data",)))
    last = max((at for at in (*state.starts, state.ended_at, signals.released_at) if at is not None), default=None)
    if config.every and last is not None and now - last >= config.every:
        found.append(Trigger("schedule", (f"the last release or attempt was {(now - last) / 3600:.1f} hours ago",)))
    return found


def shown(moment: float) -> str:
    """Unix seconds for people."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
