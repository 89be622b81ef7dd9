"""What is remembered of likings is bounded."""

from __future__ import annotations

import numpy as np
import polars as pl

from feature_repo.likings import DAY_SECONDS, LatestLikings


def likings(users: range, day: float) -> pl.DataFrame:
    return pl.DataFrame({"user_id": list(users), "item_id": [1] * len(users), "ts": [day * DAY_SECONDS] * len(users)})


def test_more_than_there_is_room_for_forgets_the_oldest() -> None:
    known = LatestLikings(max_pairs=100)
    for day in range(20):
        known.add(likings(range(day * 10, day * 10 + 10), 3000.0 + day / 10))
    assert len(known._pairs) <= 100
    latest, before, _ = known.add(likings(range(190, 200), 3002.0))
    assert not np.isneginf(before).any(), "the latest are remembered"
    assert len(latest) == 10
    assert np.isneginf(known.add(likings(range(10), 3002.0))[1]).all(), "the first are not"


def test_nothing_is_remembered_of_nothing() -> None:
    assert [len(one) for one in LatestLikings().add(likings(range(0), 1.0))] == [0, 0, 0]
