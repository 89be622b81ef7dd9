"""Item statistics against hand-computed numbers, and blind to the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue, ItemStats
from feature_repo.item_stats import PRIOR_RATINGS, PRIOR_USERS, item_stats

DAY = 86_400.0
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": [10, 20, 30], "title": list("abc"), "genres": [["x"], ["y"], []], "year": [1, 2, 3]})
)
SCHEMA = {"user_id": pl.Int64, "item_id": pl.Int64, "kind": pl.String, "value": pl.Float64, "ts": pl.Float64}
EVENTS = pl.DataFrame(
    [
        (1, 10, "rating", 5.0, 0.0),
        (2, 10, "rating", 3.0, 30 * DAY),
        (1, 20, "click", None, 60 * DAY),
        (2, 20, "skip", None, 60 * DAY),
        (3, 20, "review", None, 60 * DAY),
        (1, 99, "click", None, 60 * DAY),
    ],
    schema=SCHEMA,
    orient="row",
)


def assert_equal(left: ItemStats, right: ItemStats) -> None:
    for name in ("n_events", "recent", "rating_mean", "users"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), strict=True)


def test_hand_computed() -> None:
    stats = item_stats(EVENTS, CATALOGUE, as_of=61 * DAY, half_life_days=30)
    assert stats.as_of == 61 * DAY
    assert stats.n_events.tolist() == [2, 3, 0]
    assert stats.users.tolist() == [2, 2, 0]  # a skip is an event, but makes nothing popular
    np.testing.assert_allclose(stats.recent, [PRIOR_USERS + 1 / 4 + 1 / 2, PRIOR_USERS + 2, 0])
    shrunk = (5 + 3 + PRIOR_RATINGS * 4) / (2 + PRIOR_RATINGS)
    np.testing.assert_allclose(stats.rating_mean, [shrunk, 4, 4])
    assert stats.n_events.dtype == stats.recent.dtype == stats.rating_mean.dtype == np.float32


def test_shrinkage_pulls_a_single_rating_to_the_global_mean() -> None:
    rows = [(1, 10, "rating", 4.0, float(i)) for i in range(100)] + [(1, 20, "rating", 0.5, 1.0)]
    stats = item_stats(pl.DataFrame(rows, schema=SCHEMA, orient="row"), CATALOGUE, as_of=1e6)
    assert 3.5 < stats.rating_mean[1] < stats.rating_mean[2] < stats.rating_mean[0] <= 4.0


@pytest.mark.parametrize("ts", [61 * DAY, 61 * DAY + 1, 1e12])
def test_the_future_changes_nothing(ts: float) -> None:
    planted = pl.DataFrame([(9, 30, "rating", 5.0, ts)], schema=SCHEMA, orient="row")
    assert_equal(
        item_stats(pl.concat([EVENTS, planted]), CATALOGUE, as_of=61 * DAY), item_stats(EVENTS, CATALOGUE, as_of=61 * DAY)
    )


def test_a_log_that_went_quiet_keeps_its_order() -> None:
    stats = item_stats(EVENTS, CATALOGUE, as_of=61 * DAY + 50 * 365 * DAY)
    assert stats.popular_rows(2).tolist() == [1, 0]
    assert stats.recent[1] > 0


def test_each_user_counts_once_a_month_for_an_item_whoever_dislikes_it_does_not_and_the_latest_time_holds() -> None:
    rows = [(1, 10, "view", None, day * DAY) for day in (60, 60.5, 61)] + [
        (2, 10, "rating", stars, 60 * DAY) for stars in (0.5, 2.5)
    ]
    rows += [(3, 20, "rating", 3.0, 30 * DAY), (4, 20, "view", None, 0.0)]
    stats = item_stats(pl.DataFrame(rows, schema=SCHEMA, orient="row"), CATALOGUE, as_of=62 * DAY, half_life_days=30)
    assert stats.users.tolist() == [1, 2, 0]
    np.testing.assert_allclose(stats.recent, [PRIOR_USERS / 2 + 1, PRIOR_USERS + 2 ** (-31 / 30) + 2 ** (-61 / 30), 0], rtol=1e-5)


def test_who_likes_an_item_again_a_month_later_counts_again() -> None:
    rows = [(1, 10, "view", None, day * DAY) for day in (1, 29, 31, 59)]
    assert item_stats(pl.DataFrame(rows, schema=SCHEMA, orient="row"), CATALOGUE, as_of=61 * DAY).users.tolist() == [2, 0, 0]


def test_a_release_of_before_there_were_users_has_its_events_for_them(tmp_path: Path) -> None:
    item_stats(EVENTS, CATALOGUE, as_of=61 * DAY).write(tmp_path / "new.parquet")
    assert_equal(ItemStats.read(tmp_path / "new.parquet"), item_stats(EVENTS, CATALOGUE, as_of=61 * DAY))
    pl.read_parquet(tmp_path / "new.parquet").drop("users").write_parquet(tmp_path / "old.parquet")
    assert ItemStats.read(tmp_path / "old.parquet").users.tolist() == [2, 3, 0]


def test_no_events_at_all() -> None:
    stats = item_stats(EVENTS, CATALOGUE, as_of=0.0)
    assert stats.n_events.tolist() == stats.recent.tolist() == [0, 0, 0]
    assert stats.rating_mean.tolist() == [2.75] * 3
