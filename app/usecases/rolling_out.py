"""Lets releases in: `lifecycle.rollouts` with the settings of this home, stepped beside the watchdog."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from threading import Event

from app import wiring
from app.usecases.noticing import notice
from app.usecases.retraining_files import RetrainFiles
from core.errors import DependencyUnavailable, MarqueeError
from core.settings import Settings
from lifecycle.counted import CountedDecisions
from lifecycle.rollout import HOUR, Rollout, RolloutConfig
from lifecycle.rollout_evidence import GuardConfig
from lifecycle.rollouts import Rollouts, described

_log = logging.getLogger(__name__)


def config_of(settings: Settings) -> RolloutConfig:
    """Raises InvalidInput for steps that are none."""
    return RolloutConfig(
        shares=RolloutConfig.shares_of(settings.canary_steps),
        min_users=settings.canary_min_users,
        min_step=settings.canary_step_minutes * 60,
        max_step=settings.canary_step_hours * HOUR,
        shadow_lists=settings.shadow_lists,
        probation=settings.probation_hours * HOUR,
        holdback=settings.holdback_share,
        guards=GuardConfig(max_slowdown=settings.max_slowdown),
    )


def rollouts(settings: Settings) -> Rollouts:
    """Raises InvalidInput."""

    def ended(version: str, good: bool, outcome: str) -> None:
        """A retraining whose release did not stay in is one without success: the next one waits longer."""
        files = RetrainFiles(settings.folder("retrain"))
        with files.deciding():
            now = time.time()
            state = files.state(now)
            if not good and state.version == version:
                files.write_state(state.ended(now, good=False, outcome=f"version {version}: {outcome}", version=version))

    return Rollouts(
        wiring.registry(settings),
        wiring.ledger(settings),
        wiring.lake(settings),
        config_of(settings),
        settings.attribution_hours * HOUR,
        ended,
    )


def busy(settings: Settings) -> str:
    """What stands in the way of another release, empty if nothing does."""
    try:
        found = rollouts(settings).under_way()
    except DependencyUnavailable as error:
        return error.detail
    return f"version {found[0]} is being let in ({described(found[1])})" if found else ""


def keep(settings: Settings, stop: Event) -> None:
    """Until `stop`: notice what was moved by hand, and step the rollouts, after every interval of the watchdog."""
    rolling, said = rollouts(settings), [""]
    registry, ledger = wiring.registry(settings), wiring.ledger(settings)
    counted = CountedDecisions(ledger)
    while not stop.is_set():
        notice(registry, ledger)
        try:
            lines = rolling.step()
            if lines != said:
                said = lines
                _log.info("rollout: %s", "; ".join(lines) or "none")
        except (MarqueeError, OSError) as error:
            _log.warning("rollouts wait: %s", error)
        with suppress(DependencyUnavailable):  # counted at the next look
            counted.look()
        stop.wait(settings.watch_interval)


def state_lines(found: tuple[str, Rollout] | None, trial: tuple[str, Rollout] | None) -> list[str]:
    """What is under way, for people."""
    there = [one for one in (found, trial) if one is not None]
    lines = [f"version {version}: {described(state)} since {shown(state.since)}: {state.why}" for version, state in there]
    return lines or ["no release is being let in, and none is on probation"]


def shown(moment: float) -> str:
    """Unix seconds for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
