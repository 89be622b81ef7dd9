"""Who visits next: a new user in some visits, otherwise a known user; users who arrived early visit more often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import InvalidInput
from evaluation.simulation.randomness import uniforms


@dataclass(frozen=True)
class Visit:
    """The `number`-th visit to the world."""

    number: int
    user: int
    day: float
    cold: bool  # whether it is the user's first visit


@dataclass(frozen=True)
class Arrivals:
    """A function from a visit's number to the visit. It keeps no state, so any range of visits can be replayed."""

    users: int  # total number, with ids from `first_user`
    seed: int = 1
    cold: float = 0.05  # share of the visits that are a new user's first
    known: float = 0.5  # share of the users who are known from the start
    visits_per_day: float = 120_000.0
    skew: float = 2.0  # 1: all users visit equally often
    first_user: int = 1

    def __post_init__(self) -> None:
        checks = {
            "users": (1 <= self.users < 2**53, "1 to 2^53 - 1"),
            "cold": (0 <= self.cold <= 1, "0 to 1"),
            "known": (0 <= self.known <= 1, "0 to 1"),
            "visits_per_day": (self.visits_per_day > 0, "above 0"),
            "skew": (self.skew >= 1, "1 or more"),
            "first_user": (1 <= self.first_user < 2**53 - self.users, "1 to 2^53 - 1 less the users"),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise InvalidInput(name, getattr(self, name), allowed)

    def visit(self, number: int) -> Visit:
        """The visit `number`, from 0."""
        before, after = self._users_before(number), self._users_before(number + 1)
        day = number / self.visits_per_day
        if after > before:
            return Visit(number, self.first_user - 1 + after, day, cold=True)
        luck = float(uniforms(self.seed, "visitor", number))
        return Visit(number, self.first_user + int(before * luck**self.skew), day, cold=False)

    def _users_before(self, number: int) -> int:
        """How many users have come before visit `number`."""
        return min(self.users, max(1, int(self.known * self.users)) + int(np.floor(number * self.cold)))
