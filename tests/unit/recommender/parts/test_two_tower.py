"""The towers' source: what it returns, what it leaves out, and that k asked is k fetched."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from synthetic import make_catalogue, make_manifest, make_query, make_snapshot, user_of

from core.catalogue import Catalogue, ItemStats
from core.errors import DependencyUnavailable
from core.features import UserFeatures
from recommender.live import Snapshot
from recommender.parts.two_tower import MAX_OVERFETCH, TwoTowerSource
from recommender.release import Release
from recommender.roles import Eligible
from retrieval.adapters.mirror import MirrorIndex

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


def source(k: int = 5, index: MirrorIndex | None = None) -> TwoTowerSource:
    from pathlib import Path

    if index is None:
        index = MirrorIndex()
        index.publish("r1", IDS, VECTORS)
    encoder: Any = FixedEncoder()
    release = Release(Path(), make_manifest("r1", N), CATALOGUE, STATS, VECTORS, encoder, None)
    return TwoTowerSource(Snapshot.of(release, index), k)


def without(*rows: int) -> Eligible:
    eligible = np.ones(N, dtype=np.bool_)
    eligible[list(rows)] = False
    return eligible


FAN = user_of(10)


def test_nearest_first_of_what_is_eligible() -> None:
    found = source().fetch(make_query(user=FAN), without(29, 27))
    assert found.rows.tolist() == [28, 26, 25, 24, 23]
    assert found.scores.tolist() == [28, 26, 25, 24, 23]


def test_k_are_found_even_when_the_best_are_all_ineligible() -> None:
    assert source().fetch(make_query(user=FAN), without(*range(10, 30))).rows.tolist() == [9, 8, 7, 6, 5]


def test_an_index_without_the_release_is_an_outage_and_no_fault_of_the_request() -> None:
    with pytest.raises(DependencyUnavailable, match="marquee index publish"):
        source(index=MirrorIndex()).fetch(make_query(user=FAN), without())


def test_a_small_catalogue_gives_what_is_left() -> None:
    assert source(k=100).fetch(make_query(user=FAN), without(*range(3, 30))).rows.tolist() == [2, 1, 0]


def test_nothing_eligible_nothing_found() -> None:
    assert len(source().fetch(make_query(user=FAN), without(*range(N))).rows) == 0


def test_no_user_or_no_vector_no_candidates() -> None:
    for nobody in (None, UserFeatures(1)):
        found = source().fetch(make_query(user=nobody), without())
        assert (len(found.rows), len(found.scores)) == (0, 0)


def test_a_given_vector_is_used() -> None:
    assert source().fetch(make_query(vector=-TOWARDS_LAST), without()).rows.tolist() == [0, 1, 2, 3, 4]


def test_items_of_the_index_that_the_catalogue_lacks_are_dropped() -> None:
    index = MirrorIndex()
    index.publish("r1", np.append(IDS, 999), np.append(VECTORS, [[1e6, 0]], axis=0).astype(np.float32))
    assert source(3, index).fetch(make_query(user=FAN), without(0)).rows.tolist() == [29, 28, 27]


@pytest.mark.parametrize("page_end", [1, 5, 200])
def test_the_page_does_not_decide_what_is_found(page_end: int) -> None:
    assert source().fetch(make_query(page_end, FAN), without()).rows.tolist() == [29, 28, 27, 26, 25]


LARGE = make_snapshot("large", make_catalogue(MAX_OVERFETCH + 2000), dim=4)


@pytest.mark.parametrize("left", [0, 1, 19, 1999, 2000, 2001, 5990], ids=lambda left: f"{left} of {len(LARGE.catalogue)}")
@given(seed=st.integers(0, 2**32 - 1))
def test_a_narrow_constraint_costs_no_item_that_meets_it(left: int, seed: int) -> None:
    """On both sides of MAX_OVERFETCH the source finds what brute force over the eligible items finds."""
    rng = np.random.default_rng(seed)
    eligible = np.zeros(len(LARGE.catalogue), dtype=np.bool_)
    eligible[rng.choice(len(eligible), left, replace=False)] = True
    vector = rng.normal(size=4).astype(np.float32)
    found = TwoTowerSource(LARGE, 20).fetch(make_query(vector=vector), eligible)
    scores = LARGE.item_vectors @ vector
    rows = np.flatnonzero(eligible)
    expected = rows[np.argsort(-scores[rows], kind="stable")[:20]]
    assert eligible[found.rows].all()
    assert len(set(found.rows.tolist())) == len(expected)
    np.testing.assert_allclose(found.scores, scores[expected], atol=1e-5)
