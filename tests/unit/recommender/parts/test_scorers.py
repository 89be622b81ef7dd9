"""Scorers: the ranker's order, the sources' own order, and fill-ups behind both on every scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import make_query

from core.errors import BundleCorrupt
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.mlp_config import MlpConfig
from ranking.mlp_training import train_mlp
from ranking.ranker import Ranker
from ranking.ranker_training import RankerConfig, train_ranker
from ranking.ranking_rows import RankingRows
from recommender.candidates import Candidates, merge
from recommender.live import Snapshot
from recommender.parts.scorers import (
    LambdaMartConfig,
    MlpScorerConfig,
    RankScorer,
    ReleaseConfig,
    RetrievalConfig,
    RetrievalScorer,
    behind,
)
from recommender.release import Release
from recommender.roles import Fetched
from retrieval.adapters.mirror import MirrorIndex

F = len(CANDIDATE_FEATURES)
PLANTED = CANDIDATE_FEATURES.index("cosine_liked")
QUERY = make_query()
CONFIG = RankerConfig(trees=30, leaves=7, learning_rate=0.1, min_rows_per_leaf=5, threads=1)


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    """Learned that the candidate with the highest value of one feature comes next."""
    features = np.random.default_rng(0).normal(size=(150, 10, F)).astype(np.float32)
    relevant = (features[:, :, PLANTED] == features[:, :, PLANTED].max(axis=1, keepdims=True)).astype(np.int8)
    rows = RankingRows.alike(CANDIDATE_FEATURES, features.reshape(-1, F), relevant.ravel(), [10] * 150)
    return train_ranker(rows, CONFIG, seed=0)


def fetched(rows: list[int], scores: list[float]) -> Fetched:
    return Fetched(np.array(rows, dtype=np.intp), np.array(scores, dtype=np.float32))


def with_planted(candidates: Candidates, values: list[float]) -> Candidates:
    features = np.zeros((len(candidates), F), dtype=np.float32)
    features[:, PLANTED] = values
    return candidates.with_features(CANDIDATE_FEATURES, features)


def mixed(values: tuple[float, ...] = (0.0, 2.0, -2.0, 9.0, 9.0, 9.0)) -> Candidates:
    """Three found by retrieval, then three fill-ups on another scale."""
    sources = {"two_tower": fetched([0, 1, 2], [0.9, 0.5, 0.1]), "popular": fetched([3, 4, 5], [300.0, 200.0, 0.25])}
    return with_planted(merge(sources, ["popular"]), list(values))


def only_fill_ups() -> Candidates:
    return with_planted(merge({"popular": fetched([3, 4, 5], [300.0, 200.0, 0.25])}, ["popular"]), [1, 5, 9])


def order(scores: NDArray[np.float32], candidates: Candidates) -> list[int]:
    return candidates.rows[np.argsort(-scores, kind="stable")].tolist()


def test_the_ranker_orders_what_retrieval_found_and_fill_ups_follow_in_their_own_order(ranker: Ranker) -> None:
    assert order(RankScorer("lambdamart", ranker).score(QUERY, mixed()), mixed()) == [1, 0, 2, 3, 4, 5]


def test_a_ranker_of_fewer_features_finds_its_own_by_name() -> None:
    """What older code trained: hydrators attach more features than it knows, in another order."""
    names = ("film_year", "cosine_liked")
    features = np.random.default_rng(0).normal(size=(150, 10, 2)).astype(np.float32)
    relevant = (features[:, :, 1] == features[:, :, 1].max(axis=1, keepdims=True)).astype(np.int8)
    old = train_ranker(RankingRows.alike(names, features.reshape(-1, 2), relevant.ravel(), [10] * 150), CONFIG, seed=0)
    assert order(RankScorer("lambdamart", old).score(QUERY, mixed()), mixed()) == [1, 0, 2, 3, 4, 5]


def test_a_second_primary_source_competes_by_score(ranker: Ranker) -> None:
    """Its items do not land behind the first one's: the ranker reads their features like any other's."""
    sources = {"two_tower": fetched([0, 1], [0.9, 0.5]), "other": fetched([2, 3], [7.0, 6.0]), "popular": fetched([4], [1.0])}
    found = with_planted(merge(sources, ["popular"]), [0.0, -2.0, 2.0, -1.0, 9.0])
    scores = RankScorer("lambdamart", ranker).score(QUERY, found)
    assert order(scores, found)[0] == 2
    assert order(scores, found)[-1] == 4


def test_retrieval_keeps_the_order_of_one_source() -> None:
    assert order(RetrievalScorer().score(QUERY, mixed()), mixed()) == [0, 1, 2, 3, 4, 5]


def test_the_ranks_of_several_primary_sources_are_fused() -> None:
    """An item that both found leads, and the scale of neither source matters."""
    for scale in (1e-3, 1.0, 1e3):
        sources = {"a": fetched([0, 1, 2], [0.9, 0.5, 0.4]), "b": fetched([3, 1, 4], [9 * scale, 8 * scale, scale])}
        found = merge(sources)
        scores = RetrievalScorer().score(QUERY, found)
        assert order(scores, found) == [1, 0, 3, 2, 4]
        assert scores[found.rows.tolist().index(1)] == pytest.approx(2 / 62)


def spread(rows: list[int], scores: list[float], over: float) -> Fetched:
    return Fetched(np.array(rows, dtype=np.intp), np.array(scores, dtype=np.float32), spread=over)


@pytest.mark.parametrize(("weight", "expected"), [(0.0, [0, 1, 2, 3]), (0.5, [0, 2, 1, 3]), (100.0, [2, 3, 0, 1])])
def test_a_release_blends_its_sources_with_the_weight_that_it_was_judged_by(weight: float, expected: list[int]) -> None:
    """In units of each source's spread, so the scale of neither matters; what one did not find counts as its worst."""
    for scale in (1e-3, 1.0, 1e3):
        sources = {
            "two_tower": spread([0, 1, 2], [3 * scale, 2 * scale, 1.5 * scale], scale),
            "transitions": spread([2, 3, 0], [4 * scale, 3 * scale, 2.9 * scale], scale),
        }
        found = merge(sources)
        scores = RetrievalScorer({"two_tower": 1.0, "transitions": weight}).score(QUERY, found)
        assert order(scores, found) == expected


def test_where_popularity_has_a_weight_the_popular_are_ordered_with_the_rest() -> None:
    """Item 4 was found only by what fills up. Without a weight it stays behind; with one it leads, and item 1 passes item 0."""
    sources = {"two_tower": spread([0, 1], [2.0, 1.9], 1.0), "popular": fetched([4], [300.0])}
    found, blend = merge(sources, ["popular"]), {"two_tower": 1.0}
    assert order(RetrievalScorer(blend).score(QUERY, found), found) == [0, 1, 4]
    prior = np.array([0.0, 0.5, 0.0, 0.0, 3.0], dtype=np.float32)
    assert order(RetrievalScorer(blend, prior).score(QUERY, found), found) == [4, 1, 0]


def test_popularity_changes_nothing_for_somebody_of_whom_nothing_is_known() -> None:
    found = only_fill_ups()
    assert order(RetrievalScorer({"two_tower": 1.0}, np.arange(6, dtype=np.float32)).score(QUERY, found), found) == [3, 4, 5]


def test_a_source_without_a_weight_is_fused_by_rank() -> None:
    found = merge({"two_tower": fetched([0, 1], [3.0, 2.0]), "other": fetched([1, 2], [9.0, 8.0])})
    assert order(RetrievalScorer({"two_tower": 1.0, "transitions": 2.0}).score(QUERY, found), found) == [1, 0, 2]


def test_only_fill_ups_keep_their_order(ranker: Ranker) -> None:
    for scorer in (RankScorer("lambdamart", ranker), RetrievalScorer()):
        assert order(scorer.score(QUERY, only_fill_ups()), only_fill_ups()) == [3, 4, 5]


def test_scoring_changes_nothing_that_it_was_given(ranker: Ranker) -> None:
    candidates = mixed()
    before = candidates.scores.copy()
    RankScorer("lambdamart", ranker).score(QUERY, candidates)
    RetrievalScorer().score(QUERY, candidates)
    np.testing.assert_array_equal(candidates.scores, before)


def test_nothing_found_nothing_scored(ranker: Ranker) -> None:
    nothing = merge({"two_tower": Fetched.nothing(), "popular": Fetched.nothing()}, ["popular"])
    assert len(RankScorer("lambdamart", ranker).score(QUERY, nothing)) == len(RetrievalScorer().score(QUERY, nothing)) == 0


def test_scoring_before_hydrating_names_the_missing_feature(ranker: Ranker) -> None:
    with pytest.raises(KeyError, match=CANDIDATE_FEATURES[0]):
        RankScorer("lambdamart", ranker).score(QUERY, merge({"two_tower": fetched([0, 1], [1, 2])}))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e6])
def test_fill_ups_stay_behind_on_every_scale_and_no_order_is_turned(scale: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        primary = rng.random(30) < 0.5
        scores = (rng.normal(size=30) * np.where(primary, 1.0, scale)).astype(np.float32)
        moved = behind(scores.copy(), primary)
        assert moved[primary].min() > moved[~primary].max()
        assert (np.diff(moved[~primary][np.argsort(scores[~primary], kind="stable")]) >= 0).all()
        np.testing.assert_array_equal(moved[primary], scores[primary])


@pytest.mark.parametrize(("won", "scorer"), [("lambdamart", RankScorer), ("retrieval", RetrievalScorer)])
def test_the_scorer_release_is_the_one_that_won(release: Release, won: str, scorer: type) -> None:
    manifest = release.manifest.model_copy(update={"config": {**release.manifest.config, "scorer": won}})
    assert type(ReleaseConfig().build(Snapshot.of(replace(release, manifest=manifest), MirrorIndex()))) is scorer


def test_an_mlp_orders_where_it_won_and_is_missed_where_there_is_none(release: Release) -> None:
    names = ("log_popularity", "cosine_liked")
    features = np.random.default_rng(0).normal(size=(60, 5, 2)).astype(np.float32)
    relevant = (features[:, :, 1] == features[:, :, 1].max(axis=1, keepdims=True)).astype(np.int8).ravel()
    rows = RankingRows.alike(names, features.reshape(-1, 2), relevant, [5] * 60)
    manifest = release.manifest.model_copy(update={"config": {**release.manifest.config, "scorer": "mlp"}})
    without = Snapshot.of(replace(release, manifest=manifest), MirrorIndex())
    for config in (ReleaseConfig(), MlpScorerConfig()):
        with pytest.raises(BundleCorrupt, match="no MLP ranker; build one with MARQUEE_MLP_RANKER=true"):
            config.build(without)
    mlp = train_mlp(rows, MlpConfig(hidden=(4,), epochs=3, learning_rate=0.05), seed=0)
    scorer = ReleaseConfig().build(replace(without, release=replace(without.release, mlp=mlp)))
    assert isinstance(scorer, RankScorer)
    assert scorer.name == "mlp"
    found = mixed().with_features(names, np.array([[9, 0], [0, 3], [0, 2], [0, 1], [9, 0], [9, 0]], np.float32))
    scored = scorer.score(QUERY, found)
    np.testing.assert_allclose(scored[found.primary], mlp.score(found.features.matrix(names)[found.primary]))
    assert scored[~found.primary].max() < scored[found.primary].min()


def test_a_file_can_name_its_scorer(release: Release) -> None:
    now = Snapshot.of(release, MirrorIndex())
    assert type(LambdaMartConfig().build(now)) is RankScorer
    assert type(RetrievalConfig().build(now)) is RetrievalScorer
