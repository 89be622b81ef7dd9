"""Recommenders are compared on the same queries: full rankings, finished lists, summaries, and the lift between two."""

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from core.features import UserFeatures
from evaluation.metrics import NOT_FOUND
from evaluation.offline import Judged, K, judge_full, judge_lists, lift, markdown
from evaluation.queries import LabelledQuery, ties_for

N = 30
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": range(1, N + 1), "title": ["t"] * N, "genres": [["x"]] * N, "year": [2000] * N})
)
FALLING = np.arange(N, 0, -1, dtype=np.float32)  # row 0 is the best


def query(user: int, target: int, consumed: list[int] | None = None) -> LabelledQuery:
    """`consumed` are catalogue rows."""
    known = None if consumed is None else UserFeatures(user, consumed=np.array(consumed) + 1)
    return LabelledQuery(user, known, target, 0.0)


def test_the_rank_leaves_out_what_was_consumed() -> None:
    queries = [query(1, 4), query(2, 4, [0, 2, 9]), query(3, 0, [1])]
    judged = judge_full("falling", queries, lambda *_: FALLING, CATALOGUE)
    assert judged.ranks.tolist() == [4, 2, 0]
    assert judged.shown.tolist() == [list(range(10)), [1, 3, 4, 5, 6, 7, 8, 10, 11, 12], [0, *range(2, 11)]]


def test_equal_scores_are_ranked_by_hash_and_not_by_id() -> None:
    queries = [query(user, target) for user in (1, 2) for target in range(N)]
    judged = judge_full("constant", queries, lambda *_: np.zeros(N, dtype=np.float32), CATALOGUE)
    for user in (1, 2):
        ranks = judged.ranks[(user - 1) * N : user * N]
        assert ranks.tolist() == np.argsort(np.argsort(ties_for(user, CATALOGUE))).tolist()
        assert ranks.tolist() != list(range(N))


def test_each_query_gets_its_own_scores() -> None:
    table = np.stack([FALLING, -FALLING])
    judged = judge_full("table", [query(1, 0), query(1, 0)], lambda at, _: table[at], CATALOGUE)
    assert judged.ranks.tolist() == [0, N - 1]


def test_a_score_that_is_no_number_raises() -> None:
    broken = FALLING.copy()
    broken[7] = np.nan
    with pytest.raises(ValueError, match="broken scored NaN for user 5"):
        judge_full("broken", [query(5, 0)], lambda *_: broken, CATALOGUE)


def test_a_user_who_consumed_nearly_everything_is_shown_the_rest() -> None:
    judged = judge_full("falling", [query(1, 29, list(range(27)))], lambda *_: FALLING, CATALOGUE)
    assert judged.shown[0].tolist() == [27, 28, 29] + [-1] * 7
    assert judged.ranks.tolist() == [2]


def test_finished_lists() -> None:
    lists = [np.array([3, 1, 2]), np.arange(20), np.empty(0, dtype=np.intp)]
    judged = judge_lists("lists", [query(1, 2), query(2, 15), query(3, 0)], lambda at, _: lists[at])
    assert judged.ranks.tolist() == [2, 15, NOT_FOUND]
    assert judged.shown.tolist() == [[3, 1, 2] + [-1] * 7, list(range(10)), [-1] * 10]


def test_a_summary_by_hand() -> None:
    shown = np.full((3, K), -1, dtype=np.intp)
    shown[0, :3] = [0, 1, 2]
    shown[1, :2] = [2, 3]
    judged = Judged("m", np.array([0, 2, NOT_FOUND]), shown)
    found = judged.summary("p_", popularity=np.array([1.0, 2.0, 4.0]), n_items=8)
    assert found == pytest.approx(
        {
            "p_hr@10": 2 / 3,
            "p_ndcg@10": (1 + 0.5) / 3,
            "p_mrr": (1 + 1 / 3) / 3,
            "p_debiased_ndcg@10": (1 + 0.25) / (1 + 0.5 + 0.25),
            "p_coverage@10": 4 / 8,
        }
    )


def test_the_lift_is_paired_over_the_same_queries() -> None:
    queries = [query(user, 0) for user in range(40)]
    always = judge_lists("always", queries, lambda *_: np.array([0]))
    never = judge_lists("never", queries, lambda *_: np.array([1]))
    half = judge_lists("half", queries, lambda at, _: np.array([at % 2]))
    assert (lift(always, never, queries).low, lift(never, always, queries).high) == (1.0, -1.0)
    assert (lift(half, half, queries).low, lift(half, half, queries).high) == (0.0, 0.0)
    gain = lift(half, never, queries)
    assert 0 < gain.low < gain.mean == 0.5 < gain.high < 1


def test_the_table_has_a_row_per_recommender() -> None:
    table = markdown({"towers": {"hr@10": 0.5, "mrr": 0.25}, "popular": {"hr@10": 0.12345, "mrr": 0.0}})
    assert table.splitlines() == [
        "| | hr@10 | mrr |",
        "|---|---|---|",
        "| towers | 0.5000 | 0.2500 |",
        "| popular | 0.1235 | 0.0000 |",
    ]
