"""The uncertainty of an item's acceptance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from ranking.policies.impression_budget import half_width, is_certain


@given(shown=st.integers(1, 5000), share=st.floats(0, 1))
def test_the_half_width_is_that_of_statsmodels(shown: int, share: float) -> None:
    accepted = int(share * shown)
    low, high = proportion_confint(accepted, shown, alpha=0.05, method="wilson")
    found = half_width(np.array([shown], np.float32), np.array([accepted], np.float32))
    assert found[0] == pytest.approx((high - low) / 2, abs=2e-5)


def test_nothing_shown_is_wholly_uncertain() -> None:
    assert half_width(np.zeros(1, np.float32), np.zeros(1, np.float32)).tolist() == [0.5]


def test_certain_by_impressions_answers_and_the_mean() -> None:
    shown, accepted = np.array([10, 50, 50, 5000], np.float32), np.array([0, 0, 10, 1000], np.float32)
    assert is_certain(shown, accepted, 0.05, 1.0, 20).tolist() == [False, True, False, True]
    assert is_certain(shown, accepted, 0.05, 1.0, 100).tolist() == [False, False, False, True]
    assert not is_certain(shown, accepted, 0.0, 1.0, 1).any(), "nothing is known of the mean"
