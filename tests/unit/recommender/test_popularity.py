"""The most popular eligible rows, however few are eligible."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import ItemStats
from recommender.popularity import PopularityOrder


@given(st.integers(0, 400), st.integers(0, 60), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_it_is_what_sorting_all_eligible_rows_gives(n: int, k: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    recent = rng.integers(0, 50, n).astype(np.float32)  # with ties
    eligible = rng.random(n) < share
    rows = np.flatnonzero(eligible)
    expected = rows[np.argsort(-recent[rows], kind="stable")][:k]
    assert PopularityOrder(ItemStats(0.0, recent, recent, recent)).best(eligible, k).tolist() == expected.tolist()
