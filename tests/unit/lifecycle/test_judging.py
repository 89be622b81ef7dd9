"""Judging on two tastes that never mix: towers that learned them, rows for the ranker, and the figures of a release."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import bundle
from core.catalogue import Catalogue
from core.errors import DatasetError
from evaluation.metrics import ndcg
from evaluation.ranking import FixedScores, K, rank_all
from feature_repo.item_stats import item_stats
from lifecycle.judging import Candidate, Judgement, RankingRows, Retriever, judge, queries, ranking_rows
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker import Ranker, RankerConfig, train_ranker
from retrieval.config import TrainConfig
from retrieval.encoder import UserEncoder
from retrieval.export import export
from retrieval.training import train_towers

N_ITEMS, N_USERS, PER_USER = 40, 60, 14
TOWERS, RANKER, END = 8.0, 11.0, 14.0  # steps of each user: the towers learn from the first eight
CONFIG = TrainConfig.of(dim=16, blocks=1, heads=1, dropout=0.0, id_dropout=0.0, learning_rate=0.02, batch_events=128, epochs=6)


def checkerboard(seed: int = 0) -> pl.DataFrame:
    """Odd users rate odd films, even users even ones; step s of a user happens between s and s + 1."""
    rng = np.random.default_rng(seed)
    rows = [
        (user + 1, int(2 * k + user % 2) + 1, float(step + user / N_USERS))
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


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    folder: Path = tmp_path_factory.mktemp("towers")
    trained = train_towers(EVENTS.filter(pl.col("ts") < TOWERS), CATALOGUE, CONFIG, folder, seed=0, progress=False)
    export(trained, folder)
    return Retriever(UserEncoder(folder / bundle.USER_TOWER, trained.item_embeddings, CATALOGUE), CATALOGUE, candidates=12)


@pytest.fixture(scope="module")
def rows(retriever: Retriever) -> RankingRows:
    return ranking_rows(queries(EVENTS, CATALOGUE, TOWERS, RANKER), retriever, STATS)


@pytest.fixture(scope="module")
def ranker(rows: RankingRows) -> Ranker:
    config = RankerConfig(trees=10, leaves=4, min_rows_per_leaf=20, threads=1)
    return train_ranker(rows.features, rows.relevant, rows.groups, config, seed=0)


@pytest.fixture(scope="module")
def judged(retriever: Retriever, ranker: Ranker) -> Judgement:
    return judge(EVENTS, Candidate(retriever, ranker, "retrieval"), RANKER, END)


def test_candidates_are_the_best_unseen(retriever: Retriever) -> None:
    found = queries(EVENTS, CATALOGUE, TOWERS, RANKER)
    for query, scores in zip(found, retriever.scores(found), strict=True):
        best = retriever.best(scores, query)
        open_rows = np.setdiff1d(np.arange(N_ITEMS), query.excluded(CATALOGUE))
        assert len(best) == len(set(best.tolist())) == 12
        np.testing.assert_allclose(scores[best], np.sort(scores[open_rows])[::-1][:12])


def test_scores_of_a_user_without_history_are_zero(retriever: Retriever) -> None:
    strangers = [query for query in queries(EVENTS, CATALOGUE, 0, 1) if query.user is None]
    assert len(strangers) == N_USERS
    assert not retriever.scores(strangers).any()


def test_asking_for_more_candidates_than_items_gives_all_unseen(retriever: Retriever) -> None:
    everything = Retriever(retriever.encoder, CATALOGUE, candidates=500)
    query = queries(EVENTS, CATALOGUE, RANKER, END)[0]
    best = everything.best(everything.scores([query])[0], query)
    assert sorted(best.tolist()) == np.setdiff1d(np.arange(N_ITEMS), query.excluded(CATALOGUE)).tolist()


def test_each_training_query_of_the_ranker_has_one_relevant_candidate(rows: RankingRows) -> None:
    assert rows.features.shape == (sum(rows.groups), len(CANDIDATE_FEATURES))
    assert len(rows.relevant) == sum(rows.groups)
    starts = np.cumsum([0, *rows.groups])[:-1]
    assert (np.add.reduceat(rows.relevant, starts) == 1).all()
    assert 0 < len(rows.groups) <= len(queries(EVENTS, CATALOGUE, TOWERS, RANKER))


def test_without_queries_there_are_no_rows(retriever: Retriever) -> None:
    nothing = ranking_rows([], retriever, STATS)
    assert nothing.features.shape == (0, len(CANDIDATE_FEATURES))
    assert (len(nothing.relevant), nothing.groups) == (0, [])


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


def test_the_ranker_has_the_last_word_where_it_was_chosen(retriever: Retriever, ranker: Ranker, judged: Judgement) -> None:
    ranked = judge(EVENTS, Candidate(retriever, ranker, "lambdamart"), RANKER, END)
    same = {name for name in judged.metrics if name.startswith(("retrieval_", "popularity_"))} | {"queries", "users"}
    assert {name: ranked.metrics[name] for name in same} == {name: judged.metrics[name] for name in same}
    assert ranked.metrics["ndcg@10"] != judged.metrics["ndcg@10"]
    lift = ranked.metrics["ndcg@10"] - ranked.metrics["retrieval_ndcg@10"]
    assert ranked.metrics["ranking_lift"] == pytest.approx(lift)


def test_popularity_is_the_stronger_of_two_and_as_of_the_start_of_the_period(judged: Judgement) -> None:
    found, stats = queries(EVENTS, CATALOGUE, RANKER, END), item_stats(EVENTS, CATALOGUE, RANKER)
    both = [rank_all(FixedScores("popular", s), found, CATALOGUE) for s in (stats.recent, stats.n_events)]
    assert judged.metrics["popularity_ndcg@10"] == max(float(ndcg(popular.ranks, K).mean()) for popular in both)


def test_later_events_change_no_figure(retriever: Retriever, ranker: Ranker, judged: Judgement) -> None:
    later = EVENTS.with_columns(ts=pl.col("ts") + 100.0, item_id=N_ITEMS + 1 - pl.col("item_id"))
    again = judge(pl.concat([EVENTS, later]), Candidate(retriever, ranker, "retrieval"), RANKER, END)
    assert again.metrics == judged.metrics


def test_users_never_seen_are_served_and_judged_by_popularity(retriever: Retriever, ranker: Ranker) -> None:
    """The first step of everyone: popular items are all that there is, for the towers and as served."""
    first = judge(EVENTS, Candidate(retriever, ranker, "lambdamart"), 0.0, 1.0).metrics
    assert (first["warm_share"], first["warm_ndcg@10"]) == (0.0, 0.0)
    assert first["queries"] == N_USERS
    assert 0 <= first["hr@10"] <= 1
    assert first["coverage@10"] == K / N_ITEMS


def test_a_period_without_events_is_no_judgement(retriever: Retriever, ranker: Ranker) -> None:
    with pytest.raises(DatasetError, match="no event"):
        judge(EVENTS, Candidate(retriever, ranker, "retrieval"), 500.0, 600.0)
