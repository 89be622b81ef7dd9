"""The hydrator computes features of what personal sources found, and leaves fill-ups at zero."""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from synthetic import make_query, make_snapshot, user_of

from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.ranker import Ranker
from ranking.source_features import SourceOrder
from recommender.candidates import Candidates, merge
from recommender.parts.candidate_features import CandidateFeatures
from recommender.parts.scorers import RankScorer
from recommender.roles import Fetched

NOW = make_snapshot()
USER = user_of(20)
RETRIEVAL_SCORE = CANDIDATE_FEATURES.index("retrieval_score")


def fetched(rows: list[int], scores: list[float]) -> Fetched:
    return Fetched(np.array(rows, dtype=np.intp), np.array(scores, dtype=np.float32))


def hydrated(candidates: Candidates, max_ranked: int | None = None) -> Candidates:
    return CandidateFeatures(NOW, max_ranked).hydrate(make_query(user=USER), candidates)


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


FIVE = merge({"two_tower": fetched([4, 0, 5, 6], [0.9, 0.5, 0.3, 0.1]), "popular": fetched([3, 0], [50.0, 40.0])}, ["popular"])


def test_only_the_best_by_the_sources_order_are_ranked() -> None:
    made = hydrated(FIVE, 2)
    assert made.ranked.tolist() == [True, True, False, False, False]
    alone = hydrated(merge({"two_tower": fetched([4, 0], [0.9, 0.5])}))
    np.testing.assert_array_equal(made.features.values[:2], alone.features.values)
    assert not made.features.values[2:].any()
    assert made.only(np.array([False, True, True, True, True])).ranked.tolist() == [True, False, False, False]


def test_those_that_are_not_ranked_keep_the_sources_order_before_what_fills_up() -> None:
    class Backwards:
        names = ("retrieval_score",)

        def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
            return -features[:, 0]

    made = hydrated(FIVE, 2)
    scores = RankScorer("backwards", cast(Ranker, Backwards())).score(make_query(user=USER), made)
    assert made.rows[np.argsort(-scores)].tolist() == [0, 4, 5, 6, 3]


def test_as_many_as_there_are_or_no_limit_is_the_same() -> None:
    every = hydrated(FIVE)
    np.testing.assert_array_equal(hydrated(FIVE, 4).features.values, every.features.values)
    assert every.ranked.tolist() == hydrated(FIVE, 4).ranked.tolist() == [True, True, True, True, False]
