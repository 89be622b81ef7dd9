"""Lets releases in: puts each move on record and makes it in the registry, where every process sees it.

The state of a rollout is a tag of the version, so that it survives restarts and is seen in MLflow. `staging` means the version
in shadow, `canary` the one that serves the share in its tag `canary_share`; on probation it is `production`, and its tag
`holdback_share` says who stays on `previous` (`recommender.split`). Whoever moves an alias by hand is obeyed: a rollout whose
alias is gone is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from pydantic import ValidationError

from core.errors import MarqueeError, NotFound
from core.ports import ModelRegistry
from core.telemetry import ROLLOUT_STAGE
from lake.ports import Lake
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import CANARY, PREVIOUS, PRODUCTION, STAGING, Action, Note, canonical
from lifecycle.promotion import MAX_TAG, REFUSED, release_of, rollback, take_over, version_or_none
from lifecycle.rollout import Move, Next, Rollout, RolloutConfig, Stage, next_move, worse_since
from lifecycle.rollout_evidence import Evidence
from lifecycle.rollout_lists import gather
from recommender.split import CANARY_SHARE, HOLDBACK_SHARE

ROLLOUT = "rollout"  # a version's tag: the state of its rollout
ACTOR = "rollout"  # in the promotion ledger
Ended = Callable[[str, bool, str], None]  # (version, whether it stays in production, why)
_ALIAS = {Stage.SHADOW: STAGING, Stage.CANARY: CANARY, Stage.PROBATION: PRODUCTION}
_log = logging.getLogger(__name__)


class RolloutUnderWay(MarqueeError):
    """Another release is being let in."""

    status = 409
    slug = "rollout-under-way"
    title = "Another release is being let in"

    def __init__(self, version: str, state: Rollout) -> None:
        super().__init__(
            f"version {version} is being let in ({described(state)}); wait for it, or stop it with "
            "`marquee release rollout --stop`",
            version=version,
        )


class Rollouts:
    """The rollouts of an installation. One process steps them at a time."""

    def __init__(
        self,
        registry: ModelRegistry,
        ledger: PromotionLedger,
        lake: Lake,
        config: RolloutConfig,
        attribution: float,
        ended: Ended = lambda *_: None,
    ) -> None:
        """`attribution`: seconds in which an answer belongs to a list. `ended` is told how a rollout ended. The time is the
        ledger's."""
        self._registry = registry
        self._ledger = ledger
        self._lake = lake
        self._config = config
        self._attribution = attribution
        self._ended = ended

    @property
    def _now(self) -> float:
        return self._ledger.clock()

    def under_way(self) -> tuple[str, Rollout] | None:
        """The version that is in shadow or canary, and its state. Raises DependencyUnavailable."""
        return self._in(Stage.CANARY) or self._in(Stage.SHADOW)

    def on_probation(self) -> tuple[str, Rollout] | None:
        """The production version, if it is on probation. Raises DependencyUnavailable."""
        return self._in(Stage.PROBATION)

    def begin(self, version: str, *, actor: str, why: str, evidence: str = "{}") -> Rollout:
        """Let a version in that the gate let pass; one that is under way goes on.

        Raises RolloutUnderWay for another one, NotFound, and LedgerUnavailable; then nothing moved.
        """
        version = self._registry.version(version)
        if (found := self.under_way()) is not None:
            if found[0] != version:
                raise RolloutUnderWay(*found)
            return found[1]
        now, in_shadow = self._now, self._config.shadow_lists > 0
        state = Rollout(stage=Stage.SHADOW if in_shadow else Stage.CANARY, begun=now, since=now, actor=actor, why=why)
        self._point(version, state, actor, why, evidence)
        return state

    def on_trial(self, version: str, *, actor: str, why: str) -> None:
        """Begin the probation of a version that has just become production."""
        if self._config.probation > 0:
            now = self._now
            self._store(version, Rollout(stage=Stage.PROBATION, begun=now, since=now, actor=actor, why=why))
            self._registry.tag(version, HOLDBACK_SHARE, f"{self._config.holdback:g}")

    def stop(self, *, actor: str, why: str) -> str:
        """Take what is being let in out again; returns its version. Raises NotFound when nothing is."""
        found = self.under_way()
        if found is None:
            raise NotFound("no release is being let in; begin with `marquee release rollout VERSION`")
        self._stop(*found, why or "stopped by a person", Evidence(), actor)
        return found[0]

    def step(self) -> list[str]:
        """Look at every rollout once, and do what its evidence says; returns what was done or is waited for.

        Raises DependencyUnavailable, OSError: then what was not done is done at the next step.
        """
        said = []
        for found in (self.on_probation(), self.under_way()):
            if found is not None:
                said.append(f"version {found[0]}, {described(found[1])}: {self._step(*found)}")
        self._report()
        return said

    def _step(self, version: str, state: Rollout) -> str:
        if state.stage is not Stage.PROBATION and version == version_or_none(self._registry, PRODUCTION):
            self._settle(version, state)  # a takeover that was not finished
            return "it is production"
        self._clear(version, _ALIAS[state.stage])
        evidence = gather(self._lake, state, self._config, self._attribution, self._now)
        move = next_move(state, evidence, self._config, self._now)
        if move.kind is Next.ADVANCE:
            self._advance(version, state, move, evidence)
        elif move.kind is Next.STOP:
            self._stop(version, state, move.why, evidence, ACTOR)
        elif move.kind is Next.ROLL_BACK:
            self._roll_back(version, state, move)
        elif move.kind is Next.FINISH:
            self._finish(version, state, move)
        elif state.stage is Stage.PROBATION and (since := worse_since(state, evidence, self._now)) != state.worse_since:
            self._store(version, state.model_copy(update={"worse_since": since}))
        return f"{move.kind}: {move.why}"

    # --- moves -----------------------------------------------------------------------------------------------------------

    def _advance(self, version: str, state: Rollout, move: Move, evidence: Evidence) -> None:
        step = state.step + 1 if state.stage is Stage.CANARY else 0
        said = canonical(evidence.as_json())
        if step >= len(self._config.shares):
            self._registry.tag(version, HOLDBACK_SHARE, f"{self._config.holdback:g}" if self._config.probation > 0 else "")
            take_over(self._registry, self._ledger, version, actor=ACTOR, why=move.why, evidence=said)
            self._settle(version, state)
            return
        moved = state.model_copy(update={"stage": Stage.CANARY, "step": step, "since": self._now})
        self._point(version, moved, ACTOR, move.why, said)
        self._clear(version, CANARY)

    def _settle(self, version: str, state: Rollout) -> None:
        """After a takeover: probation begins, and the aliases of the way in are removed."""
        now, over = self._now, self._config.probation <= 0
        stage = Stage.OVER if over else Stage.PROBATION
        self._store(version, state.model_copy(update={"stage": stage, "since": now, "outcome": "production" if over else ""}))
        self._clear(version, PRODUCTION)

    def _stop(self, version: str, state: Rollout, why: str, evidence: Evidence, actor: str) -> None:
        """On record later if the ledger is unavailable: nobody has to bear with a bad release for that."""
        alias = _ALIAS[state.stage]
        note = Note(
            *(Action.STOPPED, actor, "", self._now, release_of(self._registry, version), alias, version, why),
            evidence=canonical(evidence.as_json()),
        )
        self._ledger.append_or_keep(note)
        self._registry.remove(alias)
        self._over(version, state, f"stopped in {described(state)}: {why}")
        self._registry.tag(version, REFUSED, why[:MAX_TAG])

    def _roll_back(self, version: str, state: Rollout, move: Move) -> None:
        if version_or_none(self._registry, PREVIOUS) in (None, version):
            _log.error("version %s is worse than the one before, and that is gone: %s", version, move.why)
            return
        rollback(self._registry, self._ledger, actor=ACTOR, why=move.why)
        self._over(version, state, f"rolled back: {move.why}")
        self._registry.tag(version, REFUSED, move.why[:MAX_TAG])
        if (found := self.under_way()) is not None:
            self._stop(*found, f"what it was compared with, version {version}, was rolled back", Evidence(), ACTOR)

    def _finish(self, version: str, state: Rollout, move: Move) -> None:
        release = release_of(self._registry, version)
        self._ledger.append_or_keep(Note(Action.POINTED, ACTOR, version, self._now, release, PRODUCTION, version, move.why))
        self._over(version, state, "production", good=True)

    def _over(self, version: str, state: Rollout, outcome: str, good: bool = False) -> None:
        for tag in (CANARY_SHARE, HOLDBACK_SHARE):
            self._registry.tag(version, tag, "")
        self._store(version, state.model_copy(update={"stage": Stage.OVER, "since": self._now, "outcome": outcome}))
        _log.log(logging.INFO if good else logging.ERROR, "rollout of version %s: %s", version, outcome)
        self._ended(version, good, outcome)

    # --- registry and ledger ---------------------------------------------------------------------------------------------

    def _point(self, version: str, state: Rollout, actor: str, why: str, evidence: str) -> None:
        """Put a version into a stage. On record first; and its tags come before the alias, which serving follows."""
        alias = _ALIAS[state.stage]
        before = version_or_none(self._registry, alias) or ""
        why = f"{described(state, self._config)}: {why}"
        release = release_of(self._registry, version)
        self._ledger.append(Note(Action.POINTED, actor, version, self._now, release, alias, before, why, evidence))
        if state.stage is Stage.CANARY:
            self._registry.tag(version, CANARY_SHARE, f"{self._config.share(state.step):g}")
        self._store(version, state)
        if before != version:
            self._registry.point(alias, version)
        _log.warning("version %s is in %s", version, why)

    def _clear(self, version: str, but: str) -> None:
        """Remove the aliases that a version had earlier on its way in; an earlier step may have failed before that."""
        for alias in {STAGING, CANARY} - {but}:
            if version_or_none(self._registry, alias) == version:
                self._ledger.append_or_keep(Note(Action.POINTED, ACTOR, "", self._now, "", alias, version, f"it is {but} now"))
                self._registry.remove(alias)

    def _store(self, version: str, state: Rollout) -> None:
        cut = state.model_copy(update={"why": state.why[:1000], "outcome": state.outcome[:1000]})
        self._registry.tag(version, ROLLOUT, cut.model_dump_json())

    def _in(self, stage: Stage) -> tuple[str, Rollout] | None:
        version = version_or_none(self._registry, _ALIAS[stage])
        if version is None:
            return None
        state = state_of(self._registry.tags(version).get(ROLLOUT, ""))
        return (version, state) if state is not None and state.stage is stage else None

    def _report(self) -> None:
        stages = {found[1].stage for found in (self.on_probation(), self.under_way()) if found is not None}
        for stage in _ALIAS:
            ROLLOUT_STAGE.labels(stage.value).set(stage in stages)


def state_of(text: str) -> Rollout | None:
    """The state that a tag holds; None for one that holds none."""
    try:
        return Rollout.model_validate_json(text) if text else None
    except ValidationError as error:
        _log.warning("the tag %s cannot be read, so that rollout is left alone: %s", ROLLOUT, error)
        return None


def described(state: Rollout, config: RolloutConfig | None = None) -> str:
    """A stage for people; with `config` also the share."""
    if state.stage is not Stage.CANARY:
        return state.stage.value
    return f"canary, step {state.step + 1}" + (f" ({config.share(state.step):.0%} of the users)" if config else "")
