"""How a release that passed the gate is let in: shadow, canary step by step, production on probation. Pure.

`next_move` says what to do with the evidence so far; `app.usecases.rolling_out` gathers it and does it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from core.errors import InvalidInput
from core.words import counted
from lifecycle.rollout_evidence import Evidence, GuardConfig

HOUR = 3600.0
_EXPECTED = 10  # users that a release should have had lists for before their absence means something


class Stage(StrEnum):
    """Where a release is on its way in."""

    SHADOW = "shadow"  # makes lists that nobody sees
    CANARY = "canary"  # serves a share of the users
    PROBATION = "probation"  # is production, and a share of the users is held back to compare with
    OVER = "over"


class Rollout(BaseModel):
    """The state of one release's way in; a tag of its version in the registry. Times are Unix seconds."""

    model_config = ConfigDict(frozen=True)

    stage: Stage
    begun: float
    since: float  # when this stage, or this step of the canary, began
    step: int = 0  # of the canary
    actor: str = ""
    why: str = ""
    worse_since: float | None = None  # in probation
    outcome: str = ""  # once it is over


@dataclass(frozen=True)
class RolloutConfig:
    """How long, for how many users, and what is not accepted. Times are seconds."""

    shares: tuple[float, ...] = (0.01, 0.05, 0.25, 0.5)  # of the users, by step of the canary; production comes after the last
    min_users: int = 100
    min_step: float = 0.5 * HOUR
    max_step: float = 24 * HOUR  # after which a step is over if nothing speaks against the release
    shadow_lists: int = 200
    probation: float = 72 * HOUR
    holdback: float = 0.05
    sustained: float = HOUR  # for which a release on probation must be worse before it is rolled back
    window: float = 24 * HOUR  # latest part of the probation that is compared: a fall on the third day is a fall
    guards: GuardConfig = field(default_factory=GuardConfig)

    def share(self, step: int) -> float:
        """Of the users, at a step; a step that the settings do not have any more has the last one."""
        return self.shares[min(step, len(self.shares) - 1)] if self.shares else 1.0

    @classmethod
    def shares_of(cls, text: str) -> tuple[float, ...]:
        """Of `1,5,25,50,100` (percent); 100 is production itself. Raises InvalidInput."""
        try:
            shares = tuple(float(part) / 100 for part in text.split(",") if part.strip())
        except ValueError as error:
            raise InvalidInput("MARQUEE_CANARY_STEPS", text, "percents that grow, such as 1,5,25,50,100") from error
        if any(not 0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
            raise InvalidInput("MARQUEE_CANARY_STEPS", text, "percents above 0 and up to 100 that grow, such as 1,5,25,50,100")
        return tuple(share for share in shares if share < 1)


class Next(StrEnum):
    """What happens to a release next."""

    WAIT = "wait"
    ADVANCE = "advance"  # to the next step or stage
    STOP = "stop"  # take it out of shadow or canary
    ROLL_BACK = "roll back"  # from probation
    FINISH = "finish"  # its probation is over


@dataclass(frozen=True, slots=True)
class Move:
    """What to do, and why."""

    kind: Next
    why: str


def next_move(state: Rollout, evidence: Evidence, config: RolloutConfig, now: float) -> Move:
    """What comes next for a release in this state. A clock that was set back only makes it wait."""
    if state.stage is Stage.PROBATION:
        return _in_probation(state, evidence, config, now)
    if evidence.worse:
        return Move(Next.STOP, "; ".join(f"{guard.name}: {guard.detail}" for guard in evidence.worse))
    past = now - state.since
    enough = evidence.lists >= config.shadow_lists if state.stage is Stage.SHADOW else evidence.users >= config.min_users
    if enough and (past >= config.min_step or state.stage is Stage.SHADOW):
        return _advance(state, evidence, config, past)
    if past < config.max_step:
        return Move(Next.WAIT, _so_far(state, evidence, config))
    expected = evidence.others if state.stage is Stage.SHADOW else evidence.others * config.share(state.step)
    if evidence.lists == 0 and expected >= _EXPECTED:
        return Move(Next.STOP, f"it made no list while {evidence.others:,} other users had some: it cannot be served")
    if evidence.lists == 0:
        return Move(Next.WAIT, "nobody asks for lists")
    return Move(Next.ADVANCE, f"nothing speaks against it after {past / HOUR:.1f} hours, with few users: {_seen(evidence)}")


def worse_since(state: Rollout, evidence: Evidence, now: float) -> float | None:
    """Since when a release on probation has been worse without a pause."""
    if not evidence.worse:
        return None
    return now if state.worse_since is None else min(state.worse_since, now)


def _in_probation(state: Rollout, evidence: Evidence, config: RolloutConfig, now: float) -> Move:
    since = worse_since(state, evidence, now)
    if since is not None:
        why = "; ".join(f"{guard.name}: {guard.detail}" for guard in evidence.worse)
        if now - since >= config.sustained:
            return Move(Next.ROLL_BACK, f"worse for {(now - since) / HOUR:.1f} hours: {why}")
        return Move(Next.WAIT, f"worse since {(now - since) / 60:.0f} minutes: {why}")
    if now - state.since >= config.probation:
        return Move(Next.FINISH, f"{config.probation / HOUR:.0f} hours of probation are over: {_seen(evidence)}")
    return Move(Next.WAIT, f"{(state.since + config.probation - now) / HOUR:.1f} hours of probation are left")


def _advance(state: Rollout, evidence: Evidence, config: RolloutConfig, past: float) -> Move:
    last = state.stage is Stage.CANARY and state.step >= len(config.shares) - 1
    if last and not evidence.not_inferior and past < config.max_step:
        return Move(Next.WAIT, f"a fall of {config.guards.margin:.0%} is not ruled out yet: {_seen(evidence)}")
    return Move(Next.ADVANCE, _seen(evidence))


def _so_far(state: Rollout, evidence: Evidence, config: RolloutConfig) -> str:
    if state.stage is Stage.SHADOW:
        return f"{evidence.lists:,} of {config.shadow_lists:,} lists in shadow"
    return f"{evidence.users:,} of {config.min_users:,} users of the canary at {config.share(state.step):.0%}"


def _seen(evidence: Evidence) -> str:
    overlap = "" if evidence.overlap is None else f"; {evidence.overlap:.0%} of its items were in the shown lists"
    said = "; ".join(f"{guard.name}: {guard.detail}" for guard in evidence.guards)
    return f"{counted(evidence.lists, 'list')} of {counted(evidence.users, 'user')}{overlap}" + (f"; {said}" if said else "")
