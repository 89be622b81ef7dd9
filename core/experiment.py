"""Experiment assignment: a user keeps an arm for as long as the experiment keeps its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Experiment:
    """Named arms and their shares of traffic. Shares must sum to 1."""

    name: str = "default"
    arms: Mapping[str, float] = field(default_factory=lambda: {"control": 1.0})

    def __post_init__(self) -> None:
        shares = list(self.arms.values())
        # written so that NaN, which every comparison denies, is refused
        if not shares or not abs(sum(shares) - 1.0) <= 1e-9 or not min(shares) >= 0:
            raise ValueError(f"shares of experiment {self.name!r} are {dict(self.arms)}; they must be >= 0 and sum to 1")

    def arm(self, user_id: int) -> str:
        """The arm of a user: stable, and independent between experiments with different names."""
        digest = hashlib.sha256(f"{self.name}:{user_id}".encode()).digest()
        point = int.from_bytes(digest[:8], "big") / 2**64
        reached = 0.0
        for arm, share in self.arms.items():
            reached += share
            if point < reached:
                return arm
        return next(reversed(list(self.arms)))
