"""The watched features: a hand table, what is left out, and what they say about real films."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.kinds import KINDS
from datasets.movielens import read_movielens
from datasets.splits import before, between, cutoff, in_time_order
from evaluation.watched import (
    BLOCK,
    USERS,
    WATCHED_GENRES,
    as_frame,
    read_columns,
    read_events,
    reference_columns,
    values_of,
    watched_columns,
    watched_events,
)
from monitoring.adapters.memory import WassersteinDrift
from monitoring.significance import changes, chosen, per_event

CATALOGUE = Catalogue.from_frame(
    pl.DataFrame(
        {c.ITEM: [10, 20, 30], c.TITLE: ["a", "b", "c"], c.GENRES: [["Drama"], ["Drama", "War"], []], c.YEAR: [1990, None, 2000]},
        schema_overrides={c.GENRES: pl.List(pl.String), c.YEAR: pl.Int32},
    )
)
STATS = ItemStats(
    as_of=1000.0,
    n_events=np.array([3, 0, 1], dtype=np.float32),
    recent=np.zeros(3, dtype=np.float32),
    rating_mean=np.zeros(3, dtype=np.float32),
)
EVENTS = pl.DataFrame(
    {
        c.USER: [1, 1, 2, 2, 3],
        c.ITEM: [10, 20, 30, 99, 10],
        c.KIND: ["rating", "click", "review", "rating", "watch"],
        c.VALUE: [4.0, None, None, 5.0, 90.0],
        c.TS: [500.0, 2 * 86_400.0 + 7200.0, 999.0, 500.0, 1000.0],
    }
)


def test_a_hand_table() -> None:
    columns = watched_columns(EVENTS, CATALOGUE, STATS)
    expected = {
        "value": [4.0],  # of rows with stars on known items: minutes are not stars, item 99 is unknown
        "hour": [500 / 3600, 2.0, 999 / 3600, 1000 / 3600],
        "popularity": np.log1p([2.0, 0.0, 0.0, 3.0]),  # events before 1000 s take themselves out of the count
        "age": [10.0, 0.0, 10.0],  # beside the newest item: times of before 1990 are positions
        **{f"kind:{kind}": [0.0] * 4 for kind in KINDS},
        "kind:rating": [1.0, 0.0, 0.0, 0.0],
        "kind:click": [0.0, 1.0, 0.0, 0.0],
        "kind:review": [0.0, 0.0, 1.0, 0.0],
        "kind:watch": [0.0, 0.0, 0.0, 1.0],
        "genre:Drama": [1.0, 1.0, 0.0, 1.0],
        "genre:War": [0.0, 1.0, 0.0, 0.0],
    }
    assert columns.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(columns[name], values, err_msg=name)
        assert columns[name].dtype == np.float64


def test_no_events_give_empty_columns() -> None:
    columns = watched_columns(EVENTS.clear(), CATALOGUE, STATS)
    assert {len(values) for values in columns.values()} == {0}


def test_columns_of_unequal_length_survive_the_file(tmp_path: Path) -> None:
    columns = watched_columns(EVENTS, CATALOGUE, STATS)
    as_frame(columns).write_parquet(tmp_path / "reference.parquet")
    read = read_columns(tmp_path / "reference.parquet")
    assert read.keys() == columns.keys()
    for name, values in columns.items():
        np.testing.assert_array_equal(read[name], values)


def test_the_file_has_the_user_of_each_event_but_not_the_key(tmp_path: Path) -> None:
    keys = 7_000_000 + EVENTS[c.USER].to_numpy()
    events = watched_events(EVENTS.with_columns(pl.Series(c.USER, keys)), CATALOGUE, STATS)
    as_frame(events).write_parquet(tmp_path / "reference.parquet")
    read = read_events(tmp_path / "reference.parquet")
    users = read[USERS]
    assert sorted(set(users)) == [0.0, 1.0, 2.0]
    assert users[0] == users[1] != users[2], "two events of one user on known items, then one of another"
    np.testing.assert_array_equal(read["value"], [4.0, np.nan, np.nan, np.nan])


def test_users_have_other_numbers_in_another_release() -> None:
    events = pl.concat([EVENTS.head(1).with_columns(pl.lit(user).alias(c.USER)) for user in range(50)])
    one, other = (watched_events(events, CATALOGUE, STATS, seed)[USERS] for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, np.arange(50.0)), "the order of the keys does not show"


def test_the_reference_is_the_newer_half_of_what_training_saw_and_repeats_by_seed() -> None:
    first, again = (reference_columns(EVENTS, CATALOGUE, STATS, seed=1) for _ in range(2))
    assert first["hour"].tolist() == [999 / 3600]  # of two events on known items before 1000 s
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])


def test_popularity_of_the_reference_is_that_of_before_each_block_as_a_window_has_it() -> None:
    n = 4 * BLOCK
    items = np.repeat([10, 20, 30, 10], BLOCK)  # the newer half is one block of item 30, then one of item 10
    seen = pl.DataFrame(
        {c.USER: np.arange(n) % 50, c.ITEM: items, c.KIND: "click", c.VALUE: None, c.TS: np.arange(n, dtype=np.float64)},
        schema_overrides={c.VALUE: pl.Float64},
    )
    reference = reference_columns(seen, CATALOGUE, dataclasses.replace(STATS, as_of=float(n)), seed=1)
    assert len(reference["popularity"]) == 2 * BLOCK
    fresh = reference["popularity"] == 0.0
    assert fresh.sum() == BLOCK, "item 30 had no event before its block"
    np.testing.assert_allclose(reference["popularity"][~fresh], np.log1p(BLOCK * n / (3 * BLOCK)))


def test_age_is_that_at_the_event_and_does_not_grow_beyond_the_newest_item() -> None:
    events = pl.concat([EVENTS.head(1)] * 3).with_columns(pl.Series(c.TS, [year_start(1995), year_start(2000), year_start(2026)]))
    np.testing.assert_allclose(watched_columns(events, CATALOGUE, STATS)["age"], [5.0, 10.0, 10.0], atol=0.01)


def year_start(year: int) -> float:
    return datetime(year, 1, 1, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def films() -> tuple[pl.DataFrame, Catalogue, ItemStats]:
    """Real events in time order, and statistics as of the cut before the last 10 %."""
    dataset = read_movielens()
    catalogue = Catalogue.from_frame(dataset.items)
    events = in_time_order(dataset.interactions)
    cut = cutoff(events, 0.9)
    counts = np.bincount(catalogue.rows(before(events, cut)[c.ITEM].to_numpy()), minlength=len(catalogue)).astype(np.float32)
    return events, catalogue, ItemStats(cut, counts, counts, np.zeros_like(counts))


def test_the_events_that_really_followed_are_not_drift(films: tuple[pl.DataFrame, Catalogue, ItemStats]) -> None:
    events, catalogue, stats = films
    reference = reference_columns(events, catalogue, stats, seed=1)
    assert len(reference) == 4 + WATCHED_GENRES + len(KINDS) + 1  # and the users
    later = between(events, stats.as_of, float("inf"))
    for start in range(0, 8000, 2000):
        window = watched_events(later[start : start + 2000], catalogue, stats)
        found = changes(chosen(per_event(reference)), chosen(per_event(window))).found
        assert found.keys() >= {"value", "popularity", "age"}
        assert not [name for name, change in found.items() if change.changed]


def test_users_who_turn_to_horror_are_drift(films: tuple[pl.DataFrame, Catalogue, ItemStats]) -> None:
    events, catalogue, stats = films
    reference = reference_columns(events, catalogue, stats, seed=1)
    horror = catalogue.ids[catalogue.genres[:, catalogue.genre_names.index("Horror")] > 0]
    turned = between(events, stats.as_of, float("inf")).head(2000)
    turned = turned.with_columns(pl.Series(c.ITEM, np.resize(horror, len(turned))))
    report = WassersteinDrift().compare(values_of(reference), watched_columns(turned, catalogue, stats))
    assert report.share >= 0.5, report.distances
