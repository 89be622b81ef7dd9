"""The guard of online learning: prequential evaluation, which tests before it trains. Both versions score each example first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput


@dataclass(frozen=True)
class GuardConfig:
    """When learned vectors are rolled back."""

    window: int = 2_000  # latest examples that are compared
    min_examples: int = 500  # examples before a verdict
    z: float = 2.33  # standard errors by which the learned version must be worse; 2.33 errs once in a hundred verdicts

    def __post_init__(self) -> None:
        if not 2 <= self.min_examples <= self.window:
            raise InvalidInput("min_examples", self.min_examples, f"2 to window ({self.window})")


class Guard:
    """Prequential comparison (Dawid 1984; Gama, Sebastiao and Rodrigues 2013) of the frozen release with what was learned."""

    def __init__(self, config: GuardConfig) -> None:
        self.config = config
        self.rollbacks = 0
        self._gains: deque[float] = deque(maxlen=config.window)

    @property
    def lift(self) -> float:
        """Mean NDCG@10 of the learned version minus the release's over the window; 0 before there is anything."""
        return float(np.mean(self._gains)) if self._gains else 0.0

    def observe(self, frozen: NDArray[np.float64], learned: NDArray[np.float64]) -> bool:
        """Take in NDCG@10 per example [m] of both versions; Returns True, and clears the window, for a rollback."""
        self._gains.extend((learned - frozen).tolist())
        if len(self._gains) < self.config.min_examples:
            return False
        gains = np.array(self._gains)
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        if gains.mean() >= -self.config.z * error:
            return False
        self.rollbacks += 1
        self._gains.clear()
        return True
