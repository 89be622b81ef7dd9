"""How large the drill is, and the rules that it is played by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.errors import InvalidInput
from lifecycle.retraining import DAY, RetrainConfig
from lifecycle.rollout import HOUR, RolloutConfig
from lifecycle.rollout_evidence import GuardConfig

EPOCH = 1_767_571_200.0  # Unix seconds of day 0: Monday, 2026-01-05
TICK = DAY / 2  # seconds of simulated time in one step

RETRAINING = RetrainConfig(cooldown=30 * DAY)  # longer than the drill, so that a second one is refused to the end
ROLLOUT = RolloutConfig(
    shares=(0.05, 0.25, 0.5),
    min_users=10,
    min_step=12 * HOUR,
    max_step=24 * HOUR,
    shadow_lists=50,
    holdback=0.2,
    guards=GuardConfig(max_slowdown=4.0),  # a busy machine must not decide the drill
)


@dataclass(frozen=True)
class DrillConfig:
    """Sizes and rules; times are simulated days. The defaults take some minutes.

    The rules are those of an installation, on fewer people: shares, waits and margins fit hundreds of users instead of millions.
    """

    seed: int = 1
    users: int = 600
    films: int = 200
    visits: float = 0.9  # probability that a person comes in a step
    organic: float = 0.6  # share of the visits in which people find films without a list
    past_days: float = 5.0  # of history, before the first release
    calm_days: float = 3.0
    shift_gap: float = 1.5  # by how much utility films come into fashion, and go out of it
    shift_share: float = 0.4  # of the films
    displeasure: float = 4.0  # utility that people lose on a release that looks wrong
    max_windows: int = 3  # within which the watchdog has to have noticed
    window: int = 4_000  # events
    epochs: int = 20
    retraining: RetrainConfig = RETRAINING
    rollout: RolloutConfig = ROLLOUT

    def __post_init__(self) -> None:
        if self.users < 100:
            raise InvalidInput("users", self.users, "at least 100")

    @property
    def shift_day(self) -> float:
        return self.past_days + self.calm_days

    def small(self) -> DrillConfig:
        """For the tests: half of the people, and their windows."""
        return replace(self, users=self.users // 2, window=self.window // 2)
