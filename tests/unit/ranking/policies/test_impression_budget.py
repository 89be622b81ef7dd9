"""When it is decided whether an item is accepted more or less often than the mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from ranking.policies.impression_budget import bounds, is_decided


@given(shown=st.integers(1, 5000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.99))
def test_the_bounds_are_those_of_statsmodels(shown: int, share: float, confidence: float) -> None:
    accepted = int(share * shown)
    found = bounds(np.array([shown], np.float32), np.array([accepted], np.float32), confidence)
    expected = proportion_confint(accepted, shown, alpha=1 - confidence, method="wilson")
    assert [float(bound[0]) for bound in found] == pytest.approx(list(expected), abs=1e-5)


def test_nothing_shown_is_wholly_uncertain() -> None:
    low, high = bounds(np.zeros(1, np.float32), np.zeros(1, np.float32), 0.8)
    assert (low.tolist(), high.tolist()) == ([0.0], [1.0])


def test_better_and_worse_are_decided_and_the_mean_is_not() -> None:
    shown, accepted = np.array([10, 50, 50, 50, 5000], np.float32), np.array([0, 0, 3, 10, 250], np.float32)
    assert is_decided(shown, accepted, 0.05, 0.8, 20).tolist() == [False, True, False, True, False]
    assert is_decided(shown, accepted, 0.05, 0.8, 51).tolist() == [False] * 5
    assert is_decided(shown, accepted, 0.05, 0.99, 20).tolist() == [False, False, False, True, False]
    assert not is_decided(shown, accepted, 0.0, 0.8, 1).any(), "nothing is known of the mean"
