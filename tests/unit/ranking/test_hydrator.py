"""The hydrator computes features for what retrieval found, and leaves fill-ups at zero."""

import numpy as np
import polars as pl

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.pipeline import Candidates, Query
from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.hydrator import FeatureHydrator

N = 6
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": range(1, N + 1), "title": ["t"] * N, "genres": [["x"]] * N, "year": [2000] * N})
)
STATS = ItemStats(0.0, np.arange(N, dtype=np.float32), np.ones(N, np.float32), np.ones(N, np.float32))
VECTORS = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
USER = UserFeatures(
    1, item_ids=np.array([2]), kinds=np.array([3]), values=np.array([5.0], np.float32), times=np.array([1.0]), n_events=1
)
QUERY = Query("r", 1, 3, now=0.0, seed=0, user=USER)


def test_found_candidates_get_features_and_fill_ups_zeros() -> None:
    rows, scores = np.array([4, 0, 3, 5]), np.array([0.3, 0.9, 50.0, 0.5], dtype=np.float32)
    candidates = Candidates(rows, scores, np.array([0, 0, 1, 0], dtype=np.int8))
    hydrated = FeatureHydrator(CATALOGUE, STATS, VECTORS).hydrate(QUERY, candidates)
    assert hydrated.features is not None
    assert hydrated.features.shape == (4, len(CANDIDATE_FEATURES))
    assert not hydrated.features[2].any()
    found = np.array([0, 1, 3])
    expected = candidate_features(USER, rows[found], scores[found], CATALOGUE, STATS, VECTORS)
    np.testing.assert_array_equal(hydrated.features[found], expected)
    np.testing.assert_array_equal(hydrated.rows, rows)
    np.testing.assert_array_equal(hydrated.scores, scores)


def test_only_fill_ups() -> None:
    candidates = Candidates.of(np.arange(3), np.ones(3, dtype=np.float32), origin=1)
    hydrated = FeatureHydrator(CATALOGUE, STATS, VECTORS).hydrate(QUERY, candidates)
    assert hydrated.features is not None
    assert not hydrated.features.any()


def test_no_candidates() -> None:
    nothing = Candidates.of(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32))
    hydrated = FeatureHydrator(CATALOGUE, STATS, VECTORS).hydrate(QUERY, nothing)
    assert hydrated.features is not None
    assert hydrated.features.shape == (0, len(CANDIDATE_FEATURES))
