"""The hydrator computes features of what personal sources found, and leaves fill-ups at zero."""

import numpy as np
from synthetic import make_query, make_snapshot, user_of

from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.source_features import SourceOrder
from recommender.candidates import Candidates, merge
from recommender.parts.candidate_features import CandidateFeatures
from recommender.roles import Fetched

NOW = make_snapshot()
USER = user_of(20)
RETRIEVAL_SCORE = CANDIDATE_FEATURES.index("retrieval_score")


def fetched(rows: list[int], scores: list[float]) -> Fetched:
    return Fetched(np.array(rows, dtype=np.intp), np.array(scores, dtype=np.float32))


def hydrated(candidates: Candidates) -> Candidates:
    return CandidateFeatures(NOW).hydrate(make_query(user=USER), candidates)


def test_found_candidates_get_features_and_fill_ups_zeros() -> None:
    found = merge({"two_tower": fetched([4, 0, 5], [0.9, 0.5, 0.3]), "popular": fetched([3], [50.0])}, ["popular"])
    made = hydrated(found)
    assert made.features.names == CANDIDATE_FEATURES
    assert not made.features.values[3].any()
    scores = np.array([0.9, 0.5, 0.3], np.float32)
    order = SourceOrder({"two_tower": scores}, {"two_tower": scores}, found.scores[:3])
    query = make_query(user=USER)
    expected = candidate_features(USER, found.rows[:3], order, NOW.catalogue, NOW.stats, NOW.item_vectors, query.now)
    np.testing.assert_array_equal(made.features.values[:3], expected)
    np.testing.assert_array_equal(made.rows, found.rows)
    np.testing.assert_array_equal(made.scores, found.scores)


def test_what_only_another_primary_source_found_has_features_too() -> None:
    """It counts as good as the worst that the towers found: scores of different sources do not compare."""
    made = hydrated(merge({"popular": fetched([7], [400.0]), "two_tower": fetched([4, 0], [0.9, 0.5])}))
    assert made.rows.tolist() == [7, 4, 0]
    assert made.features.values[:, RETRIEVAL_SCORE].tolist() == np.array([0.5, 0.9, 0.5], np.float32).tolist()
    assert made.features.matrix(["log_popularity"])[0, 0] == np.log1p(NOW.stats.n_events[7])


def test_without_the_towers_every_retrieval_score_is_zero() -> None:
    made = hydrated(merge({"popular": fetched([7, 8], [400.0, 3.0])}))
    assert made.features.values[:, RETRIEVAL_SCORE].tolist() == [0, 0]
    assert made.features.values.any()


def test_only_fill_ups() -> None:
    assert not hydrated(merge({"popular": fetched([0, 1, 2], [3, 2, 1])}, ["popular"])).features.values.any()


def test_no_candidates() -> None:
    assert hydrated(merge({"two_tower": Fetched.nothing()})).features.values.shape == (0, len(CANDIDATE_FEATURES))
