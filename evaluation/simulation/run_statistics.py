"""Statistics of a run of the simulator: counts, and the latencies of its requests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

_MAX_LATENCIES = 10_000  # only the latest are kept, so that memory does not grow with the length of a run


@dataclass
class RunStatistics:
    """Counts and latencies of a run."""

    visits: int = 0
    lists: int = 0  # visits that were shown a list
    cold: int = 0  # first visits of new users
    sent: int = 0  # events
    accepted: int = 0
    quarantined: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by status, or by the name of the error
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # seconds of the latest requests

    def took(self, seconds: float) -> None:
        """Record the latency of one request."""
        if len(self.latencies) < _MAX_LATENCIES:
            self.latencies.append(seconds)
        else:
            self.latencies[self.visits % _MAX_LATENCIES] = seconds

    def percentile(self, q: float) -> float:
        """Seconds, NaN before the first request."""
        return float(np.percentile(self.latencies, q)) if self.latencies else float("nan")
