"""Statistics over time: each is what counting all events before its moment gives, and none knows what it stands before."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from feature_repo.item_stats import item_stats
from feature_repo.stats_over_time import StatsOverTime

DAY = 86_400.0
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": [1, 2, 3], "title": list("abc"), "genres": [[], [], []], "year": [0, 0, 0]})
)


def events(n: int = 200, seed: int = 0) -> pl.DataFrame:
    """In no order, several at the same moment."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user_id": rng.integers(1, 20, n),
            "item_id": rng.integers(1, 5, n),
            "kind": ["rating"] * n,
            "value": rng.integers(1, 6, n).astype(float),
            "ts": rng.integers(0, 40, n) * DAY,
        }
    )


@pytest.mark.parametrize("moments", [1, 4, 50])
def test_each_is_what_all_events_before_its_moment_give(moments: int) -> None:
    times = np.sort(np.random.default_rng(1).integers(5, 40, 60) * DAY)
    found = StatsOverTime.over(events(), CATALOGUE, times.tolist(), moments)
    assert 1 <= len(found.stats) <= moments
    for one in found.stats:
        alone = item_stats(events(), CATALOGUE, one.as_of)
        for name in ("n_events", "recent", "rating_mean", "users"):
            np.testing.assert_allclose(getattr(one, name), getattr(alone, name), rtol=1e-5)


def test_nothing_is_asked_of_statistics_that_know_its_time() -> None:
    times = sorted(np.random.default_rng(2).uniform(5 * DAY, 40 * DAY, 101).tolist())
    found = StatsOverTime.over(events(), CATALOGUE, times, 10)
    at = found.at(times)
    assert all(found.stats[moment].as_of <= time for moment, time in zip(at, times, strict=True))
    assert np.bincount(at).tolist() == [10] * 9 + [11]


def test_what_stands_still_holds_always_and_no_times_know_nothing() -> None:
    still = StatsOverTime([item_stats(events(), CATALOGUE, np.inf)])
    assert still.at([0.0, 1e12]).tolist() == [0, 0]
    assert StatsOverTime.over(events(), CATALOGUE, []).stats[0].n_events.tolist() == [0, 0, 0]
