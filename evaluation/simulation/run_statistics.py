"""What became of a run of the simulator: counts, and the latencies of its requests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

_MAX_LATENCIES = 10_000  # the latest ones, so that a run of days costs no more than one of seconds


@dataclass
class RunStatistics:
    """What became of a run."""

    visits: int = 0
    lists: int = 0  # visits that were shown something
    cold: int = 0  # first visits of new users
    sent: int = 0  # events
    accepted: int = 0
    quarantined: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by status, or the name of what went wrong
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # seconds of the latest requests

    def took(self, seconds: float) -> None:
        """Remember the latency of one request."""
        if len(self.latencies) < _MAX_LATENCIES:
            self.latencies.append(seconds)
        else:
            self.latencies[self.visits % _MAX_LATENCIES] = seconds

    def percentile(self, q: float) -> float:
        """Seconds, NaN before the first request."""
        return float(np.percentile(self.latencies, q)) if self.latencies else float("nan")
