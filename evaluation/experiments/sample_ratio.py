"""Sample-ratio mismatch: are the groups as large as they have to be? If not, something loses users, and nothing else can be told.

The chi-square test of Fabijan et al. (KDD 2019), "Diagnosing sample ratio mismatch in online controlled experiments".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.stats import chisquare

MISMATCH_LEVEL = 0.001  # strict, because it is asked at every look
MIN_EXPECTED = 5.0  # users in a group, for the test to hold


@dataclass(frozen=True)
class SampleRatio:
    """`p_value` is None with too few users to tell."""

    users: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float | None

    @property
    def mismatch(self) -> bool:
        return self.p_value is not None and self.p_value < MISMATCH_LEVEL


def sample_ratio(users: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Users by variant against the shares that they were drawn by."""
    total = sum(users.get(name, 0) for name in shares)
    counts = {name: users.get(name, 0) for name in shares}
    expected = {name: share * total for name, share in shares.items()}
    if min(expected.values()) < MIN_EXPECTED:
        return SampleRatio(counts, expected, None)
    return SampleRatio(counts, expected, float(chisquare(list(counts.values()), list(expected.values())).pvalue))
