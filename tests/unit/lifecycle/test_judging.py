"""Judging on two tastes that never mix: towers that learned them, rows for the ranker, and the figures of a release."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic import POPULAR, TWO_TOWER, make_manifest, make_policy

from core import bundle
from core.catalogue import Catalogue
from core.errors import DatasetError
from evaluation.metrics import ndcg
from evaluation.ranking import FixedScores, K, rank_all
from feature_repo.item_stats import item_stats
from feature_repo.stats_over_time import StatsOverTime
from lifecycle.judging import DEPTH, Judgement, RankingRows, judge, queries, ranking_rows
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker_training import RankerConfig, train_ranker
from recommender.live import Snapshot
from recommender.recommender import Offline
from recommender.release import Release
from recommender.roles import Page, Query
from retrieval.adapters.mirror import MirrorIndex
from retrieval.config import TrainConfig
from retrieval.encoder import UserEncoder
from retrieval.export import export
from retrieval.training import train_towers

N_ITEMS, N_USERS, PER_USER = 40, 60, 14
START = 1e9  # Unix seconds; what lies before 1990 is taken for positions
TOWERS, RANKER, END = START + 8, START + 11, START + 14  # steps of each user: the towers learn from the first eight
CONFIG = TrainConfig.of(dim=16, blocks=1, heads=1, dropout=0.0, id_dropout=0.0, learning_rate=0.02, batch_events=128, epochs=6)


def checkerboard(seed: int = 0) -> pl.DataFrame:
    """Odd users rate odd films, even users even ones; step s of a user happens between s and s + 1."""
    rng = np.random.default_rng(seed)
    rows = [
        (user + 1, int(2 * k + user % 2) + 1, START + step + user / N_USERS)
        for user in range(N_USERS)
        for step, k in enumerate(rng.permutation(N_ITEMS // 2)[:PER_USER])
    ]
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return frame.with_columns(kind=pl.lit("rating"), value=pl.lit(4.0))


CATALOGUE = Catalogue.from_frame(
    pl.DataFrame(
        {"item_id": range(1, N_ITEMS + 1), "title": ["t"] * N_ITEMS, "genres": [["x"]] * N_ITEMS, "year": [2000] * N_ITEMS}
    )
)
EVENTS = checkerboard()
STATS = item_stats(EVENTS, CATALOGUE, TOWERS)


FEATURES = [{"part": "candidate_features"}]
RETRIEVAL = make_policy(source=[TWO_TOWER | {"k": 12}, POPULAR], hydrator=FEATURES)
RANKED = make_policy(source=[TWO_TOWER | {"k": 12}, POPULAR], hydrator=FEATURES, scorer=[{"part": "lambdamart"}])


@pytest.fixture(scope="module")
def unranked(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Towers alone, with statistics as of the end of what they learned from."""
    folder: Path = tmp_path_factory.mktemp("towers")
    trained = train_towers(EVENTS.filter(pl.col("ts") < TOWERS), CATALOGUE, CONFIG, folder, seed=0, progress=False)
    export(trained, folder)
    vectors, index = trained.item_embeddings, MirrorIndex()
    index.publish("r1", CATALOGUE.ids, vectors)
    encoder = UserEncoder(folder / bundle.USER_TOWER, vectors, CATALOGUE)
    return Snapshot.of(Release(folder, make_manifest("r1", N_ITEMS), CATALOGUE, STATS, vectors, encoder, None), index)


@pytest.fixture(scope="module")
def rows(unranked: Snapshot) -> RankingRows:
    return ranking_rows(queries(EVENTS, CATALOGUE, TOWERS, RANKER), unranked, RETRIEVAL)


@pytest.fixture(scope="module")
def now(unranked: Snapshot, rows: RankingRows) -> Snapshot:
    """The towers and a ranker on top of them."""
    config = RankerConfig(trees=10, leaves=4, min_rows_per_leaf=20, threads=1)
    ranker = train_ranker(rows, config, seed=0)
    return replace(unranked, release=replace(unranked.release, ranker=ranker))


@pytest.fixture(scope="module")
def judged(now: Snapshot) -> Judgement:
    return judge(EVENTS, now, RETRIEVAL, RANKER, END)


def test_the_ranker_learns_from_the_best_unseen(unranked: Snapshot) -> None:
    found = queries(EVENTS, CATALOGUE, TOWERS, RANKER)
    asked = [Query(str(n), one.user_id, one.ts, n, one.user, Page(DEPTH)) for n, one in enumerate(found)]
    with Offline(unranked, RETRIEVAL) as offline:
        made = list(offline.candidates(asked))
    for query, candidates in zip(found, made, strict=True):
        scores = unranked.item_vectors @ unranked.encoder.encode(query.user)
        best = candidates.rows[candidates.primary]
        open_rows = np.setdiff1d(np.arange(N_ITEMS), query.excluded(CATALOGUE))
        assert len(best) == len(set(best.tolist())) == 12
        np.testing.assert_allclose(scores[best], np.sort(scores[open_rows])[::-1][:12], atol=1e-5)


def test_each_training_query_of_the_ranker_has_one_relevant_candidate(rows: RankingRows) -> None:
    assert rows.features.shape == (sum(rows.groups), len(CANDIDATE_FEATURES))
    assert len(rows.relevant) == sum(rows.groups)
    starts = np.cumsum([0, *rows.groups])[:-1]
    assert (np.add.reduceat(rows.relevant, starts) == 1).all()
    assert 0 < len(rows.groups) <= len(queries(EVENTS, CATALOGUE, TOWERS, RANKER))


def test_without_queries_there_are_no_rows(unranked: Snapshot) -> None:
    nothing = ranking_rows([], unranked, RETRIEVAL)
    assert nothing.features.shape == (0, len(CANDIDATE_FEATURES))
    assert (len(nothing.relevant), nothing.groups.tolist()) == (0, [])


def test_towers_that_learned_the_tastes_beat_popularity(judged: Judgement) -> None:
    metrics = judged.metrics
    assert metrics["ndcg@10"] == pytest.approx(metrics["retrieval_ndcg@10"])
    assert metrics["ndcg@10"] > metrics["popularity_ndcg@10"]
    assert metrics["lift"] == pytest.approx(metrics["ndcg@10"] - metrics["popularity_ndcg@10"])
    assert 0 < metrics["lift_low"] < metrics["lift"] < metrics["lift_high"]
    assert metrics["ranking_lift"] == metrics["ranking_lift_low"] == metrics["ranking_lift_high"] == 0
    assert metrics["queries"] == EVENTS.filter(pl.col("ts") >= RANKER).height
    assert (metrics["users"], metrics["warm_share"]) == (N_USERS, 1.0)
    assert metrics["warm_ndcg@10"] == pytest.approx(metrics["ndcg@10"])
    assert [line.split("|")[1].strip() for line in judged.table.splitlines()[2:4]] == ["as served", "two towers"]


def test_the_ranker_has_the_last_word_where_it_was_chosen(now: Snapshot, judged: Judgement) -> None:
    ranked = judge(EVENTS, now, RANKED, RANKER, END)
    same = {name for name in judged.metrics if name.startswith(("retrieval_", "popularity_"))} | {"queries", "users"}
    assert {name: ranked.metrics[name] for name in same} == {name: judged.metrics[name] for name in same}
    assert ranked.metrics["ndcg@10"] != judged.metrics["ndcg@10"]
    lift = ranked.metrics["ndcg@10"] - ranked.metrics["retrieval_ndcg@10"]
    assert ranked.metrics["ranking_lift"] == pytest.approx(lift)


def test_popularity_is_the_stronger_of_two_and_is_counted_as_the_period_goes_on(judged: Judgement) -> None:
    found = queries(EVENTS, CATALOGUE, RANKER, END)
    stats = StatsOverTime.over(EVENTS, CATALOGUE, [query.ts for query in found])
    assert len(stats.stats) > 5
    both = []
    for name in ("recent", "n_events"):
        ranks = [
            rank_all(FixedScores("popular", getattr(stats.stats[moment], name)), [query], CATALOGUE).ranks[0]
            for moment, query in zip(stats.at([query.ts for query in found]), found, strict=True)
        ]
        both.append(float(ndcg(np.array(ranks), K).mean()))
    assert judged.metrics["popularity_ndcg@10"] == pytest.approx(max(both))


def test_lists_are_made_with_what_was_popular_by_then(now: Snapshot) -> None:
    metrics = judge(EVENTS, now, make_policy(source=[POPULAR]), RANKER, END).metrics
    found, ranks = queries(EVENTS, CATALOGUE, RANKER, END), []
    stats = StatsOverTime.over(EVENTS, CATALOGUE, [query.ts for query in found])
    for moment, query in zip(stats.at([query.ts for query in found]), found, strict=True):
        order = stats.stats[moment].popular_rows(N_ITEMS)
        ranks.append(order[~np.isin(order, query.excluded(CATALOGUE))].tolist().index(query.target))
    assert metrics["ndcg@10"] == pytest.approx(float(ndcg(np.array(ranks), K).mean()))


def test_the_ranker_learns_what_popularity_was_by_then(unranked: Snapshot, rows: RankingRows) -> None:
    followed = ranking_rows(queries(EVENTS, CATALOGUE, TOWERS, RANKER), unranked, RETRIEVAL, EVENTS)
    assert followed.groups.tolist() == rows.groups.tolist()
    popularity = CANDIDATE_FEATURES.index("log_popularity")
    assert followed.features[0, popularity] == rows.features[0, popularity], "the first query stands at the start"
    assert followed.features[-12:, popularity].sum() > rows.features[-12:, popularity].sum(), "later ones know of more events"
    np.testing.assert_array_equal(followed.features[:, 0], rows.features[:, 0])


def test_later_events_change_no_figure(now: Snapshot, judged: Judgement) -> None:
    later = EVENTS.with_columns(ts=pl.col("ts") + 100.0, item_id=N_ITEMS + 1 - pl.col("item_id"))
    again = judge(pl.concat([EVENTS, later]), now, RETRIEVAL, RANKER, END)
    assert again.metrics == judged.metrics


def test_users_never_seen_are_served_and_judged_by_popularity(now: Snapshot) -> None:
    """The first step of everyone: popular items are all that there is, for the towers and as served."""
    first = judge(EVENTS, now, RANKED, START, START + 1).metrics
    assert (first["warm_share"], first["warm_ndcg@10"]) == (0.0, 0.0)
    assert first["queries"] == N_USERS
    assert 0 <= first["hr@10"] <= 1
    assert first["coverage@10"] > K / N_ITEMS, "what is popular changes with each of them"


def test_a_period_without_events_cannot_be_evaluated(now: Snapshot) -> None:
    with pytest.raises(DatasetError, match="no event"):
        judge(EVENTS, now, RETRIEVAL, 500.0, 600.0)


def test_a_policy_that_shows_other_lists_gets_other_figures(now: Snapshot, judged: Judgement) -> None:
    """With three candidates of the towers and then what is popular, the lists are worse where tastes never mix."""
    few = judge(EVENTS, now, make_policy(source=[TWO_TOWER | {"k": 3}, POPULAR]), RANKER, END)
    assert few.metrics["retrieval_ndcg@10"] == judged.metrics["retrieval_ndcg@10"]
    assert few.metrics["ndcg@10"] < judged.metrics["ndcg@10"]


def test_exploration_does_not_count_against_a_release(now: Snapshot, judged: Judgement) -> None:
    assert judge(EVENTS, now, RETRIEVAL.exploring(0.9), RANKER, END).metrics == judged.metrics
