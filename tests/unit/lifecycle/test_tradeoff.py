"""What engagement costs, on items whose costs are known."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from synthetic import make_catalogue, make_policy, make_snapshot, user_of

from core.errors import InvalidInput
from core.item_facts import ItemFacts
from evaluation.queries import LabelledQuery
from lifecycle.tradeoff import draw, tradeoff, with_value
from recommender.parts.value import ValueConfig

FILMS = make_catalogue(60)
BARE = make_snapshot(catalogue=FILMS)
COSTS = [5.0 if row < 30 else 1.0 for row in range(60)]
NOW = BARE.with_facts(ItemFacts(FILMS.to_frame().with_columns(cost=pl.Series(COSTS))))
POLICY = make_policy(0.3)
VALUE = ValueConfig(weight=0.0)
HISTORIES = [user_of(*FILMS.ids[[n % 60, (n * 7 + 1) % 60]].tolist(), user_id=n) for n in range(40)]
FOUND = [LabelledQuery(n, user, (n * 11) % 60, float(n)) for n, user in enumerate(HISTORIES)]


def test_a_larger_weight_gives_cheaper_lists() -> None:
    points = tradeoff(FOUND, NOW, POLICY, VALUE, [10.0, 0.0, 1.0])
    assert [one.weight for one in points] == [0.0, 1.0, 10.0]
    costs = [one.cost for one in points]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(10.0), "ten of the cheap items"
    assert (points[0].low, points[0].high, points[0].price) == (0.0, 0.0, None)
    for before, one in pairwise(points):
        if one.price is not None:
            assert one.price == pytest.approx((before.cost - one.cost) / (before.ndcg - one.ndcg) * 0.01)


def test_the_scorer_is_set_where_it_is_and_added_where_it_is_not() -> None:
    rule = {"part": "freshness"}
    policy = make_policy(scorer=[{"part": "retrieval"}, {"part": "value", "weight": 3.0}, rule])
    assert [one.part for one in with_value(policy, VALUE).scorers] == ["retrieval", "value", "freshness"]
    assert with_value(policy, VALUE).scorers[1] == VALUE
    assert [one.part for one in with_value(POLICY, VALUE).scorers] == ["retrieval", "value"]


def test_without_costs_it_says_where_they_come_from() -> None:
    with pytest.raises(InvalidInput, match="marquee items set --cost"):
        tradeoff(FOUND, BARE, POLICY, VALUE, [0.0, 1.0])


@pytest.mark.parametrize("weights", [[], [-1.0], [float("nan")], [float("inf")]])
def test_a_wrong_weight_is_named(weights: list[float]) -> None:
    with pytest.raises(InvalidInput, match="weights"):
        tradeoff(FOUND, NOW, POLICY, VALUE, weights)


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    draw(tradeoff(FOUND, NOW, POLICY, VALUE, [0.0, 5.0]), tmp_path / "curve.png", "A title")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
