"""The drill, act by act: what is made to happen, and what has to come of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from app.usecases.drill import releases
from app.usecases.drill.config import TICK
from app.usecases.drill.retraining import RetrainingBetweenSteps
from app.usecases.drill.small_marquee import SmallMarquee
from app.usecases.drill.story import Story
from core.bundle import read_manifest
from evaluation.acceptance import ATTRIBUTION_SECONDS
from lifecycle.gates import GateConfig, GateResult, check_gate
from lifecycle.ledger_entries import PRODUCTION, canonical
from lifecycle.promotion import (
    PromotionRefused,
    evidence_of,
    failed_checks,
    judged,
    promote,
    register,
    release_of,
    version_or_none,
)
from lifecycle.retraining import DAY
from lifecycle.rollout import Stage
from lifecycle.rollouts import ROLLOUT, Rollouts, described, state_of
from monitoring.adapters.memory import WassersteinDrift
from monitoring.journal import Journal
from monitoring.timeline import Entry, Timeline
from monitoring.watch import Verdict, WatchConfig
from monitoring.watchdog import Watchdog, WatchdogConfig

ACTOR = "drill"
MAX_FALL = 0.8  # of the acceptance of the calm days: what is left after the shift has to be less, or there is nothing to notice
MIN_RECOVERY = 1 / 3  # of what was lost, which the retrained release has to bring back
PATIENCE = 24  # steps after which something that has not happened counts as not happening
_log = logging.getLogger(__name__)


class Drill:
    """One run of all acts on `marquee`, told to `story`."""

    def __init__(self, marquee: SmallMarquee, story: Story) -> None:
        config, home = marquee.config, marquee.home
        self.marquee = marquee
        self.story = story
        self.timeline = Timeline(home / "watch")
        self._retraining = RetrainingBetweenSteps(config.retraining, marquee.clock)
        self._rollouts = Rollouts(marquee.registry, marquee.ledger, marquee.lake, config.rollout, ATTRIBUTION_SECONDS)
        self._watchdog = Watchdog(
            marquee.registry,
            marquee.lake,
            WassersteinDrift(),
            Journal(home / "watch"),
            self._retraining,
            WatchdogConfig(interval=TICK, window=config.window, decision=WatchConfig(retrain=True)),
            self.timeline,
            marquee.clock,
        )
        self._verdict = ""
        self._stages = ""

    def run(self) -> None:
        """All acts. Raises DrillFailed at the first expectation that does not hold."""
        self._calm_days()
        version = self._tastes_shift()
        self._takeover(version)
        self._broken_release()
        self._disliked_in_canary()
        self._bad_on_probation()

    # --- acts --------------------------------------------------------------------------------------------------------

    def _calm_days(self) -> None:
        story, marquee = self.story, self.marquee
        story.act("calm days")
        marquee.fill()
        version, verdict = self._registered(releases.trained(marquee, _log.info), "the first release")
        story.expect("the first release passes the gate", verdict.passed, failed_checks(verdict) or "every check")
        promote(marquee.registry, marquee.ledger, version, verdict, actor=ACTOR, why="the first release")
        marquee.open()
        story.tell(f"release {self._name(version)} (version {version}) is the first one")
        while marquee.clock.day < marquee.config.shift_day:
            self._step()
        self._calm = self._acceptance(marquee.config.past_days, marquee.config.shift_day)
        verdicts = sorted({entry.verdict for entry in self._decisions()})
        story.expect(
            "the watchdog asks for nothing while nothing changes", not self._retraining.answers, f"verdicts {', '.join(verdicts)}"
        )

    def _tastes_shift(self) -> str:
        """Returns the version of the retrained release, which passed the gate."""
        story, marquee, retraining = self.story, self.marquee, self._retraining
        story.act("tastes shift")
        share = marquee.config.shift_share
        story.tell(f"{share:.0%} of the films come into fashion, and those that were in fashion are out of it", "tastes shift")
        for _ in self._steps():
            if retraining.waiting:
                break
        windows = self._windows_since(marquee.config.shift_day)
        most = marquee.config.max_windows
        found = f"{windows} windows, {marquee.clock.day - marquee.config.shift_day:.1f} days"
        story.expect(f"the watchdog notices within {most} windows", retraining.waiting is not None and 0 < windows <= most, found)
        self._fallen = self._acceptance(marquee.config.shift_day, marquee.clock.day)
        found = f"{self._fallen:.1%} of the lists accepted, {self._calm:.1%} before"
        story.expect("acceptance has fallen", self._fallen < MAX_FALL * self._calm, found)
        version, verdict = self._registered(releases.trained(marquee, _log.info), "retrained: tastes have shifted")
        retraining.end(version, f"version {version} passed the gate")
        story.tell(f"retrained on everything: release {self._name(version)} (version {version})", "retrained")
        compared = next(check.detail for check in verdict.checks if "production" in check.name)
        story.expect("the retrained release passes the gate", verdict.passed, failed_checks(verdict) or compared)
        self._step()
        refused = retraining.answers[-1]
        story.expect("asked again, it is refused by the cool-down", "cool-down" in refused.reason, refused.reason)
        self._let_in(version, verdict, "drift")
        return version

    def _takeover(self, version: str) -> None:
        story, marquee = self.story, self.marquee
        story.act("shadow, canary, takeover")
        for _ in self._steps():
            if self._production() == version:
                break
        taken = marquee.clock.day
        story.tell(f"version {version} takes over", "takes over")
        story.expect("it passes shadow and canary and takes over", self._production() == version, self._outcome(version))
        for _ in self._steps():
            if self._rollouts.on_probation() is None:
                break
        story.expect("its probation ends well", self._stage_of(version) is Stage.OVER, self._outcome(version))
        recovered = self._acceptance(taken, marquee.clock.day)
        floor = self._fallen + MIN_RECOVERY * (self._calm - self._fallen)
        found = f"{recovered:.1%}, from {self._fallen:.1%}; {self._calm:.1%} in the calm days"
        story.expect(f"acceptance recovers to at least {floor:.1%}", recovered >= floor, found)
        asked = len(self._retraining.answers)
        story.expect("it was retrained once", self._retraining.started == 1, f"asked for {asked} times, started once")

    def _broken_release(self) -> None:
        self.story.act("a broken release")
        self.story.tell("a release arrives whose vectors belong to other films, as after an export that lost their order")
        before = self._production()
        version, verdict = self._registered(
            releases.remade(self.marquee, releases.mixed_up), "its export lost the order of films"
        )
        try:
            self._let_in(version, verdict, "by hand")
        except PromotionRefused as refusal:
            self.story.tell(f"refused: {refusal.detail}", "refused by the gate")
        self.story.expect("the gate refuses it", not verdict.passed, failed_checks(verdict) or "it passed")
        self.story.expect("production stays", self._production() == before, f"version {before}")
        self._step()

    def _disliked_in_canary(self) -> None:
        story, marquee = self.story, self.marquee
        story.act("good offline, bad online")
        before, begun = self._production(), marquee.clock.day
        version, verdict = self._registered(releases.remade(marquee), "the same model with another page")
        story.expect(
            "it passes the gate", verdict.passed, failed_checks(verdict) or "nothing that is measured offline speaks against it"
        )
        story.tell("its lists look wrong on the page: people take less from them, which no offline measure sees")
        marquee.displeasing[self._name(version)] = marquee.config.displeasure
        self._let_in(version, verdict, "by hand")
        for _ in self._steps():
            if self._rollouts.under_way() is None:
                break
        outcome = self._outcome(version)
        story.tell(outcome, "stopped in canary")
        story.expect("it is stopped in canary", "stopped in canary" in outcome, outcome)
        story.expect("production stays", self._production() == before, f"version {before}")
        shown = sum(one.lists for one in marquee.seen if one.day > begun and one.release == self._name(version))
        lists = sum(one.lists for one in marquee.seen if one.day > begun)
        story.expect("few people saw it", shown < 0.5 * lists, f"{shown:,} of {lists:,} lists were its")

    def _bad_on_probation(self) -> None:
        story, marquee = self.story, self.marquee
        story.act("bad on probation")
        before = self._production()
        version, verdict = self._registered(releases.remade(marquee), "the same model once more")
        self._let_in(version, verdict, "by hand")
        for _ in self._steps():
            if self._production() == version:
                break
        story.expect("a good release takes over", self._production() == version, self._outcome(version))
        for _ in range(int(DAY / TICK)):
            self._step()
        story.tell("a day later its lists look wrong", "turns bad")
        marquee.displeasing[self._name(version)] = marquee.config.displeasure
        for _ in self._steps():
            if self._production() != version:
                break
        outcome = self._outcome(version)
        story.tell(outcome, "rolled back")
        story.expect("it is rolled back by itself to the one before", self._production() == before, outcome)
        self._step()
        failed = marquee.failed_lists()
        story.expect("nobody was left without a list", failed == 0, f"{failed} failed in the whole drill")
        broken = marquee.ledger.verify()
        story.expect("the promotion ledger is whole", broken is None, f"{len(marquee.ledger.entries())} entries")

    # --- steps -------------------------------------------------------------------------------------------------------

    def _steps(self) -> Iterator[None]:
        """At most `PATIENCE` steps."""
        for _ in range(PATIENCE):
            self._step()
            yield

    def _step(self) -> None:
        """Half a day: people, rollouts, watchdog."""
        self.marquee.step()
        self._rollouts.step()
        self._tell_stages()
        self._watchdog.check()
        entry = self._decisions()[-1]
        if entry.verdict != self._verdict:
            self._verdict = entry.verdict
            mark = "noticed" if entry.verdict == Verdict.RETRAIN and self._retraining.answers[-1].started else ""
            self.story.tell(f"watchdog: {entry.verdict}: {'; '.join(entry.reasons)}; {entry.action}", mark)

    def _tell_stages(self) -> None:
        found = self._rollouts.under_way() or self._rollouts.on_probation()
        if found is None:
            self.story.stage("", "")
            return
        version, state = found
        said = f"version {version} is in {described(state, self.marquee.config.rollout)}"
        if said != self._stages:
            self._stages = said
            self.story.tell(said)
        self.story.stage(f"v{version}", state.stage.value)

    def _registered(self, bundle: Path, why: str) -> tuple[str, GateResult]:
        """Its version, and what the gate says about it."""
        registry = self.marquee.registry
        version = register(registry, self.marquee.ledger, bundle, actor=ACTOR, why=why)
        self.story.versions[self._name(version)] = version
        current = version_or_none(registry, PRODUCTION)
        production = read_manifest(registry.fetch(current)) if current else None
        return version, check_gate(read_manifest(registry.fetch(version)), production, GateConfig())

    def _let_in(self, version: str, verdict: GateResult, why: str) -> None:
        """Raises PromotionRefused."""
        marquee = self.marquee
        judged(marquee.registry, marquee.ledger, version, verdict, actor=ACTOR)
        self._rollouts.begin(version, actor=ACTOR, why=why, evidence=canonical(evidence_of(verdict)))
        self._tell_stages()

    # --- what is known -----------------------------------------------------------------------------------------------

    def _production(self) -> str:
        return self.marquee.registry.version(PRODUCTION)

    def _name(self, version: str) -> str:
        return release_of(self.marquee.registry, version)

    def _stage_of(self, version: str) -> Stage | None:
        state = state_of(self.marquee.registry.tags(version).get(ROLLOUT, ""))
        return state.stage if state else None

    def _outcome(self, version: str) -> str:
        state = state_of(self.marquee.registry.tags(version).get(ROLLOUT, ""))
        if state is None:
            return f"version {version} is not being let in"
        return f"version {version}: {state.outcome or described(state)}"

    def _decisions(self) -> list[Entry]:
        return list(self.timeline.newest(10_000))

    def _windows_since(self, day: float) -> int:
        """Windows that the watchdog has begun since then."""
        start = self.marquee.clock() - (self.marquee.clock.day - day) * DAY
        seen = {entry.window for entry in self._decisions() if entry.at > start and entry.drifted is not None}
        before = {entry.window for entry in self._decisions() if entry.at <= start and entry.drifted is not None}
        return len(seen - before)

    def _acceptance(self, start: float, end: float) -> float:
        """Share of all lists in these days that were accepted."""
        steps = [one for one in self.marquee.seen if start < one.day <= end]
        return sum(one.accepted for one in steps) / max(1, sum(one.lists for one in steps))
