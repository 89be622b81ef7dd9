"""Each metric against a table worked out by hand, and against a slow reference on random data."""

import math

import numpy as np
import pytest

from core.errors import InvalidInput
from evaluation.metrics import (
    METRICS,
    Facts,
    hit_rate,
    max_cutoff,
    measure,
    ndcg,
    popularity_debiased,
    reciprocal_rank,
    requested,
)
from evaluation.ranking import NOT_FOUND, Ranked

RANKS = np.array([0, 1, 2, 9, 10, 500, NOT_FOUND], dtype=np.int64)


@pytest.mark.parametrize(("k", "expected"), [(1, [1, 0, 0, 0, 0, 0, 0]), (3, [1, 1, 1, 0, 0, 0, 0]), (10, [1, 1, 1, 1, 0, 0, 0])])
def test_hit_rate(k: int, expected: list[int]) -> None:
    assert hit_rate(RANKS, k).tolist() == expected


def test_ndcg() -> None:
    """1 / log2(2), 1 / log2(3), 1 / log2(4), 1 / log2(11), then nothing."""
    assert ndcg(RANKS, 10).tolist() == pytest.approx([1.0, 0.63093, 0.5, 0.28906, 0, 0, 0], abs=1e-5)
    assert ndcg(RANKS, 2).tolist() == pytest.approx([1.0, 0.63093, 0, 0, 0, 0, 0], abs=1e-5)


def test_reciprocal_rank() -> None:
    assert reciprocal_rank(RANKS).tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 10, 1 / 11, 1 / 501, 0])


def test_no_queries_no_values() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert len(hit_rate(nothing, 10)) == len(ndcg(nothing, 10)) == len(reciprocal_rank(nothing)) == 0
    assert popularity_debiased(np.empty(0), np.empty(0)) == 0.0


@pytest.mark.parametrize(
    ("values", "popularity", "expected"),
    [
        ([1.0, 0.0], [1.0, 1.0], 0.5),  # equal popularity: the plain mean
        ([1.0, 0.0], [3.0, 1.0], 0.25),  # (1/3) / (1/3 + 1)
        ([1.0, 0.0], [1.0, 4.0], 0.8),  # 1 / (1 + 1/4)
        ([1.0, 0.0], [0.0, 1.0], 0.5),  # an item never seen before counts as seen once
        ([0.5, 0.5, 0.5], [1.0, 10.0, 1000.0], 0.5),  # weights cannot move a constant
    ],
)
def test_popularity_debiased(values: list[float], popularity: list[float], expected: float) -> None:
    assert popularity_debiased(np.array(values), np.array(popularity)) == pytest.approx(expected)


def part(ranks: list[int], shown: list[list[int]], target_counts: list[float], n_items: int = 8) -> tuple[Ranked, Facts]:
    counts = np.zeros(n_items)
    counts[:2] = 3, 1
    histories = [np.array([0])] * len(ranks)
    facts = Facts(np.array(target_counts), counts, np.eye(n_items, dtype=np.float32), histories)
    return Ranked(np.array(ranks, dtype=np.int64), np.array(shown, dtype=np.intp)), facts


def test_metrics_by_name_by_hand() -> None:
    one = part([0, 2, NOT_FOUND], [[0, 1, 2], [2, 3, -1], [-1, -1, -1]], [1.0, 2.0, 4.0])
    names = ["hr@10", "hr@2", "ndcg@10", "mrr", "mrr@2", "map@10", "debiased_ndcg@10", "coverage@3", "coverage@1"]
    assert measure(names, [one]) == pytest.approx(
        {
            "hr@10": 2 / 3,
            "hr@2": 1 / 3,
            "ndcg@10": (1 + 0.5) / 3,
            "mrr": (1 + 1 / 3) / 3,
            "mrr@2": 1 / 3,
            "map@10": (1 + 1 / 3) / 3,
            "debiased_ndcg@10": (1 + 0.25) / (1 + 0.5 + 0.25),
            "coverage@3": 4 / 8,
            "coverage@1": 2 / 8,
        }
    )
    lists = measure(["novelty@2", "diversity@2", "miscalibration@1"], [part([5], [[0, 1]], [1.0])])
    total = 3 + 1 + 6  # items without an event count as one with one
    assert lists["novelty@2"] == pytest.approx(-(math.log2(3 / total) + math.log2(1 / total)) / 2)
    assert (lists["diversity@2"], lists["miscalibration@1"]) == pytest.approx((1.0, 0.0))


def test_ranks_are_pooled_over_parts_and_lists_are_averaged_by_queries() -> None:
    parts = [part([0, 0, 0], [[0], [0], [0]], [1.0, 1.0, 1.0]), part([9], [[1]], [4.0])]
    found = measure(["hr@1", "debiased_ndcg@1", "coverage@1"], parts)
    assert found == pytest.approx({"hr@1": 3 / 4, "debiased_ndcg@1": 3 / 3.25, "coverage@1": 1 / 8})


def test_without_queries_every_metric_is_zero() -> None:
    names = [f"{name}@1" for name in METRICS]
    nothing = (Ranked.empty(0, 1), part([], [], [])[1])
    assert measure(names, [nothing]) == dict.fromkeys(names, 0.0)


def test_every_metric_has_one_name_and_a_line_that_describes_it() -> None:
    assert list(METRICS) == [metric.name for metric in METRICS.values()]
    assert all(metric.description.endswith(".") and "\n" not in metric.description for metric in METRICS.values())
    assert requested("ndcg@37")[1] == 37
    assert max_cutoff(["hr@200", "coverage@10", "novelty@25", "mrr"]) == 25
    assert max_cutoff(["hr@200"]) == 1


@pytest.mark.parametrize("wrong", ["luck@10", "ndcg", "ndcg@0", "ndcg@-1", "ndcg@ten", "NDCG@10", "coverage", "@10", ""])
def test_an_unknown_metric_is_answered_with_the_known_ones(wrong: str) -> None:
    with pytest.raises(InvalidInput, match=r"hr@k, ndcg@k, mrr, map@k, debiased_ndcg@k, coverage@k"):
        measure([wrong], [part([0], [[0]], [1.0])])


def test_lists_that_were_kept_too_short_are_refused() -> None:
    with pytest.raises(InvalidInput, match="k of coverage is 4; allowed: 1 to 3"):
        measure(["coverage@4"], [part([0], [[0, 1, 2]], [1.0])])
