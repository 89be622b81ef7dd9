"""The popular source: the most popular eligible items, for anybody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import make_query, make_snapshot

from recommender.parts.popular import PopularSource

NOW = make_snapshot()
N = len(NOW.catalogue)
NOW = NOW.with_stats(replace(NOW.stats, recent=np.arange(N, 0, -1, dtype=np.float32)))
EVERYTHING = np.ones(N, dtype=np.bool_)


def test_the_most_popular_first() -> None:
    found = PopularSource(NOW, 5).fetch(make_query(), EVERYTHING)
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    assert found.scores.tolist() == [N, N - 1, N - 2, N - 3, N - 4]


def test_only_what_is_eligible() -> None:
    eligible = EVERYTHING.copy()
    eligible[[0, 2]] = False
    assert PopularSource(NOW, 5).fetch(make_query(), eligible).rows.tolist() == [1, 3, 4, 5, 6]


@pytest.mark.parametrize("dropped", [0, 1, 12, N - 5, N - 1, N])
def test_k_while_items_last(dropped: int) -> None:
    eligible = EVERYTHING.copy()
    eligible[:dropped] = False
    assert PopularSource(NOW, 20).fetch(make_query(), eligible).rows.tolist() == list(range(dropped, N))[:20]
