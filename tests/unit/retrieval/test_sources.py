"""Candidate sources: what they return, what they leave out, and that k asked is k fetched."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.pipeline import Query
from retrieval.adapters.mirror import MirrorIndex
from retrieval.sources import PopularSource, TwoTowerSource

N = 30
IDS = np.arange(1, N + 1) * 10
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": IDS, "title": [f"t{i}" for i in IDS], "genres": [["x"]] * N, "year": [2000] * N})
)
VECTORS = np.stack([np.arange(N), np.ones(N)], axis=1).astype(np.float32)  # the higher the row, the nearer to (1, 0)
STATS = ItemStats(0.0, np.ones(N, np.float32), np.arange(N, 0, -1, dtype=np.float32), np.ones(N, np.float32))
TOWARDS_LAST = np.array([1, 0], dtype=np.float32)


class FixedEncoder:
    """Every user with a history points the same way."""

    def encode(self, user: UserFeatures) -> NDArray[np.float32] | None:
        return TOWARDS_LAST if len(user.item_ids) else None


def query(k: int = 5, user: UserFeatures | None = None, vector: NDArray[np.float32] | None = None) -> Query:
    return Query("r", 1, k, now=0.0, seed=0, user=user, user_vector=vector)


def consumer_of(*items: int) -> UserFeatures:
    ids = np.array(items, dtype=np.int64)
    return UserFeatures(1, item_ids=ids, consumed=np.sort(ids))


@pytest.fixture
def nearest() -> TwoTowerSource:
    index = MirrorIndex()
    index.publish("r1", IDS, VECTORS)
    return TwoTowerSource(index, FixedEncoder(), CATALOGUE, "r1", k=5)  # type: ignore[arg-type]


@pytest.fixture
def popular() -> PopularSource:
    return PopularSource(STATS, CATALOGUE, k=5)


def test_nearest_first_without_what_was_consumed(nearest: TwoTowerSource) -> None:
    rows, scores = nearest.fetch(query(user=consumer_of(300, 280)))
    assert rows.tolist() == [28, 26, 25, 24, 23]
    assert scores.tolist() == [28, 26, 25, 24, 23]


def test_k_survive_even_when_the_best_are_all_consumed(nearest: TwoTowerSource) -> None:
    rows, _ = nearest.fetch(query(user=consumer_of(*IDS[-20:].tolist())))
    assert rows.tolist() == [9, 8, 7, 6, 5]


def test_consumed_items_that_left_the_catalogue_do_no_harm(nearest: TwoTowerSource, popular: PopularSource) -> None:
    user = consumer_of(300, 5, 7)
    assert nearest.fetch(query(user=user))[0].tolist() == [28, 27, 26, 25, 24]
    assert popular.fetch(query(user=user))[0].tolist() == [0, 1, 2, 3, 4]


def test_a_small_catalogue_gives_what_is_left(nearest: TwoTowerSource) -> None:
    rows, _ = nearest.fetch(query(k=100, user=consumer_of(*IDS[3:].tolist())))
    assert rows.tolist() == [2, 1, 0]


def test_no_user_or_no_vector_no_candidates(nearest: TwoTowerSource) -> None:
    for nobody in (None, UserFeatures(1)):
        rows, scores = nearest.fetch(query(user=nobody))
        assert (len(rows), len(scores)) == (0, 0)


def test_a_given_vector_is_used(nearest: TwoTowerSource) -> None:
    rows, _ = nearest.fetch(query(vector=-TOWARDS_LAST))
    assert rows.tolist() == [0, 1, 2, 3, 4]


def test_items_of_the_index_that_the_catalogue_lacks_are_dropped() -> None:
    index = MirrorIndex()
    index.publish("r1", np.append(IDS, 999), np.append(VECTORS, [[1e6, 0]], axis=0).astype(np.float32))
    source = TwoTowerSource(index, FixedEncoder(), CATALOGUE, "r1", k=3)  # type: ignore[arg-type]
    assert source.fetch(query(k=3, user=consumer_of(10)))[0].tolist() == [29, 28, 27]


def test_popular_for_a_stranger(popular: PopularSource) -> None:
    rows, scores = popular.fetch(query())
    assert rows.tolist() == [0, 1, 2, 3, 4]
    assert scores.tolist() == [30, 29, 28, 27, 26]


def test_popular_without_what_was_consumed(popular: PopularSource) -> None:
    rows, _ = popular.fetch(query(user=consumer_of(10, 30)))
    assert rows.tolist() == [1, 3, 4, 5, 6]


@pytest.mark.parametrize("consumed", [0, 1, 12, 29, 30])
def test_popular_fills_whatever_is_asked_while_items_last(popular: PopularSource, consumed: int) -> None:
    rows, _ = popular.fetch(query(k=20, user=consumer_of(*IDS[:consumed].tolist())))
    assert rows.tolist() == list(range(consumed, N))[:20]
