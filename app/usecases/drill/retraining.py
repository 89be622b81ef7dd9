"""Retraining within the drill: the rules of any installation decide, and the training itself runs between two steps."""

from __future__ import annotations

from collections.abc import Sequence

from core.ports import Clock, RetrainAnswer
from lifecycle.retraining import Attempt, RetrainConfig, RetrainState, permission


class RetrainingBetweenSteps:
    """`Retraining` that remembers what was asked. Whoever moves the clock looks for `waiting`, and trains."""

    def __init__(self, config: RetrainConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._state = RetrainState()
        self.answers: list[RetrainAnswer] = []

    @property
    def waiting(self) -> Attempt | None:
        """The attempt that was started and has not ended."""
        return self._state.running

    @property
    def started(self) -> int:
        """How many were started."""
        return sum(answer.started for answer in self.answers)

    def ask(self, trigger: str, reasons: Sequence[str]) -> RetrainAnswer:
        """See `Retraining`."""
        now = self._clock()
        state = self._state.as_of(now)
        allowed = permission(trigger, self._config, state, now, "a retraining runs" if state.running else "")
        if allowed.allowed:
            self._state = state.started(Attempt(trigger=trigger, reasons=tuple(reasons), started_at=now))
        answer = RetrainAnswer(allowed.allowed, allowed.reason, allowed.next_at)
        self.answers.append(answer)
        return answer

    def end(self, version: str, outcome: str) -> None:
        """Note that it ended, with a version that passed the gate."""
        self._state = self._state.ended(self._clock(), good=True, outcome=outcome, version=version)
