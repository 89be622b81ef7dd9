"""Shelves: what rises, what is new, what is near."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from synthetic import make_snapshot

from core.catalogue import ItemStats
from core.item_facts import ItemFacts
from recommender.live import Snapshot
from recommender.shelves import Shelves

N = 300
ALL = np.ones(N, dtype=np.bool_)


def counted(n_events: np.ndarray, recent: np.ndarray) -> Snapshot:
    stats = ItemStats(1e9, n_events.astype(np.float32), recent.astype(np.float32), np.full(N, 3.5, np.float32))
    return make_snapshot().with_stats(stats)


def test_what_rises_trends_and_what_always_was_popular_follows() -> None:
    ever, recent = np.full(N, 10.0), np.full(N, 1.0)
    ever[7], recent[7] = 1000.0, 90.0  # always popular
    ever[3], recent[3] = 5.0, 30.0  # rises
    shelf = Shelves(counted(ever, recent)).trending(ALL, 10)
    assert shelf.rows[0] == 3
    assert shelf.rows[1] == 7
    assert len(set(shelf.rows.tolist())) == 10


def test_nothing_that_is_not_eligible_is_on_a_shelf() -> None:
    shelves = Shelves(make_snapshot())
    some = np.zeros(N, dtype=np.bool_)
    some[[4, 5, 6]] = True
    vector = shelves.now.item_vectors[0]
    for shelf in (
        shelves.trending(some, 10),
        shelves.newest(some, 10, None),
        shelves.newest(some, 10, vector),
        shelves.similar(4, some, 10),
    ):
        assert set(shelf.rows.tolist()) <= {4, 5, 6}
    assert 4 not in shelves.similar(4, some, 10).rows


def test_the_newest_by_opening_then_by_year_then_by_arrival() -> None:
    now = make_snapshot()
    frame = now.catalogue.to_frame()
    opened = pl.when(pl.col("item_id") == 50).then(9e8).when(pl.col("item_id") == 60).then(8e8).otherwise(None)
    shelf = Shelves(now.with_facts(ItemFacts(frame.with_columns(available_from=opened)))).newest(ALL, N, None)
    ids, years = now.catalogue.ids[shelf.rows], now.catalogue.years[shelf.rows]
    assert ids[:2].tolist() == [50, 60]
    assert years[2:].tolist() == sorted(years[2:].tolist(), reverse=True)
    same = ids[2:][years[2:] == years[2]]
    assert same.tolist() == sorted(same.tolist(), reverse=True)


def test_similar_is_the_cosine_of_items_that_something_is_known_of() -> None:
    now = counted(np.full(N, 1000.0), np.zeros(N))
    shelf = Shelves(now).similar(8, ALL, N)
    unit = now.item_vectors / np.linalg.norm(now.item_vectors, axis=1, keepdims=True)
    expected = unit @ unit[8]
    np.testing.assert_allclose(shelf.scores, expected[shelf.rows], rtol=0.01)
    assert shelf.scores.tolist() == sorted(shelf.scores.tolist(), reverse=True)


def test_an_item_without_events_stands_behind_an_equal_one_with_many() -> None:
    events = np.full(N, 100.0)
    events[1] = 0.0
    now = counted(events, np.zeros(N))
    vectors = now.item_vectors.copy()
    vectors[1] = vectors[2] = vectors[0]
    rows = Shelves(now.with_vectors(vectors)).similar(0, ALL, N).rows.tolist()
    assert rows.index(2) < rows.index(1)


def test_ties_name_what_two_items_share() -> None:
    now = make_snapshot()
    catalogue = replace(
        now.catalogue,
        series=("Saga", "Saga", *[""] * (N - 2)),
        people=(("Ann", "Bob"), (), ("Bob",), *[()] * (N - 3)),
        genres=np.zeros_like(now.catalogue.genres),
    )
    shelves = Shelves(replace(now, release=replace(now.release, catalogue=catalogue), transitions=None))
    assert shelves.ties(0, 1)[0].text == "Of the same series: Saga"
    assert shelves.ties(0, 2)[0].text == "With Bob"
    assert [tie.code for tie in shelves.ties(5, 6)] == ["taste"], "what nothing is known of is still near for a reason"


@pytest.mark.parametrize("k", [1, 7, N, N + 5])
def test_a_shelf_has_as_many_items_as_there_are(k: int) -> None:
    shelves = Shelves(make_snapshot())
    assert len(shelves.trending(ALL, k).rows) == len(shelves.newest(ALL, k, None).rows) == min(k, N)
    assert len(shelves.similar(0, ALL, k).rows) == min(k, N - 1)
